//! Responses that are large, or streams.

use std::time::{Duration, Instant};

use saas_idempotency::Policy;

use super::client::{Call, post};
use super::{Server, Setup, Shell};
use crate::on_both_shells;

on_both_shells!(
    a_body_of_exactly_the_cap_is_kept,
    a_body_over_the_cap_reaches_the_first_caller_and_executes_once,
    a_short_body_of_unknown_length_is_kept,
    a_stream_of_events_flows_at_once_and_executes_once,
    a_flood_flows_and_executes_once,
    a_slow_endless_stream_flows_soon_and_executes_once,
    a_body_that_breaks_off_does_so_for_the_first_caller_and_executes_once,
    a_client_that_leaves_a_stream_executed_once,
);

/// A retry is told that the request was executed, and does not execute.
async fn is_a_tombstone(server: &Server, call: &Call) {
    let runs = server.work.runs();
    let again = server.call(call).await;
    assert_eq!((again.status, again.is_problem(), again.is_replayed()), (409, true, false));
    assert!(again.body.contains("idempotency-response-not-kept"));
    assert!(again.body.contains("\"executed_status\":200"));
    assert!(!again.headers.contains_key("retry-after"), "there is nothing to wait for");
    assert_eq!(server.work.runs(), runs);
}

async fn a_body_of_exactly_the_cap_is_kept<S: Shell>() {
    let server = S::with(Policy::default().response_cap(1000)).await;
    for body in ["large 1000", "pieces 10 100"] {
        let call = post("/", body);
        let (first, again) = (server.call(&call).await, server.call(&call).await);
        assert_eq!((first.body.len(), again.is_replayed()), (1000, true), "{body}");
        assert_eq!(first.body, again.body);
    }
}

async fn a_body_over_the_cap_reaches_the_first_caller_and_executes_once<S: Shell>() {
    let server = S::with(Policy::default().response_cap(1000)).await;
    for (body, length) in
        [("large 1001", 1001), ("pieces 11 100", 1100), ("large 3000000", 3_000_000)]
    {
        let call = post("/", body);
        assert_eq!(server.call(&call).await.body.len(), length);
        is_a_tombstone(&server, &call).await;
    }
}

async fn a_short_body_of_unknown_length_is_kept<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "pieces 3 1");
    assert_eq!(server.call(&call).await.body, "yyy");
    let again = server.call(&call).await;
    assert_eq!((again.body.as_str(), again.is_replayed()), ("yyy", true));
}

async fn a_stream_of_events_flows_at_once_and_executes_once<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let (call, began) = (post("/", "events"), Instant::now());
    let mut first = server.open(&call).await.unwrap();
    for _ in 0..3 {
        assert!(first.piece().await.unwrap().unwrap().starts_with(b"data: x\n\n"));
    }
    assert!(began.elapsed() < Duration::from_millis(1900), "it is known by its media type");
    is_a_tombstone(&server, &call).await;
    assert!(first.piece().await.unwrap().is_ok(), "and goes on meanwhile");
}

async fn a_flood_flows_and_executes_once<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "flood");
    let mut first = server.open(&call).await.unwrap();
    let mut length = 0;
    while length < 8 << 20 {
        length += first.piece().await.unwrap().unwrap().len();
    }
    is_a_tombstone(&server, &call).await;
}

async fn a_slow_endless_stream_flows_soon_and_executes_once<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "ticks");
    let mut first = server.open(&call).await.unwrap();
    let mut text = Vec::new();
    while text.len() < 9 * 30 {
        text.extend_from_slice(&first.piece().await.unwrap().unwrap());
    }
    // What was read before it was given up is not lost.
    assert!(text.chunks(9).all(|tick| b"data: x\n\n".starts_with(tick)));
    is_a_tombstone(&server, &call).await;
}

async fn a_body_that_breaks_off_does_so_for_the_first_caller_and_executes_once<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "broken");
    // As far as a server gets before it notices, which may be before the head.
    if let Ok(mut first) = server.open(&call).await {
        let mut broken = false;
        while let Some(piece) = first.piece().await {
            broken = piece.is_err();
            if broken {
                break;
            }
        }
        assert!(broken);
    }
    is_a_tombstone(&server, &call).await;
}

async fn a_client_that_leaves_a_stream_executed_once<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "events");
    drop(server.open(&call).await.unwrap());
    is_a_tombstone(&server, &call).await;
}
