//! Order of checks, and what is read of a request.

use saas_idempotency::Policy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{Call, post};
use super::{Server, Setup, Shell};
use crate::on_both_shells;

on_both_shells!(
    scope_comes_before_key_and_key_before_size,
    a_length_over_the_cap_is_413_before_the_body_is_read,
    a_body_over_the_cap_without_a_length_is_413,
    a_body_of_exactly_the_cap_passes,
    a_malformed_length_runs_nothing,
    the_handler_gets_the_body_it_was_sent,
    another_request_under_the_key_is_422,
    a_body_that_breaks_off_runs_nothing,
    uncovered_bodies_are_not_buffered,
);

/// Sends the head alone, says that `length` bytes will come, and reads the status.
async fn head_alone(server: &Server, call: &Call, length: usize) -> u16 {
    let mut stream = server.connect().await;
    stream.write_all(&call.head(length)).await.unwrap();
    status(&mut stream).await
}

async fn status(stream: &mut tokio::net::TcpStream) -> u16 {
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}

async fn scope_comes_before_key_and_key_before_size<S: Shell>() {
    let server = S::with(Policy::default().request_cap(10)).await;
    let call = post("/", "");
    let bad_key = call.clone().key("a b");
    assert_eq!(head_alone(&server, &bad_key.clone().without("x-tenant"), 11).await, 500);
    assert_eq!(head_alone(&server, &bad_key, 11).await, 400);
    assert_eq!(head_alone(&server, &call.clone().without("idempotency-key"), 11).await, 400);
    assert_eq!(head_alone(&server, &call, 11).await, 413);
    assert_eq!(server.work.runs(), 0);
}

async fn a_length_over_the_cap_is_413_before_the_body_is_read<S: Shell>() {
    let server = S::with(Policy::default().request_cap(10)).await;
    let call = post("/", "");
    assert_eq!(head_alone(&server, &call, 11).await, 413);
    let answer = server.call(&call.clone().body("01234567890")).await;
    assert_eq!((answer.status, answer.is_problem(), server.work.runs()), (413, true, 0));
    // Nothing was claimed: the same key serves a body that fits.
    assert_eq!(server.call(&call.body("0")).await.status, 201);
}

async fn a_body_over_the_cap_without_a_length_is_413<S: Shell>() {
    let server = S::with(Policy::default().request_cap(10_000)).await;
    let call = post("/", "").chunked();
    let answer = server.call(&call.clone().body("x".repeat(10_001))).await;
    assert_eq!((answer.status, answer.is_problem(), server.work.runs()), (413, true, 0));
}

async fn a_body_of_exactly_the_cap_passes<S: Shell>() {
    let server = S::with(Policy::default().request_cap(10_000)).await;
    let whole = "x".repeat(10_000);
    for call in [post("/", &whole), post("/", &whole).chunked()] {
        assert_eq!(server.call(&call).await.body, whole);
    }
}

async fn a_malformed_length_runs_nothing<S: Shell>() {
    let server = S::start(Setup::default()).await;
    for length in ["x", "-1", "1, 2", "99999999999999999999999"] {
        let head = String::from_utf8(post("/", "").head(0)).unwrap();
        let head = head.replace("content-length: 0", &format!("content-length: {length}"));
        let mut stream = server.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        assert!([400, 413].contains(&status(&mut stream).await), "{length}");
    }
    assert_eq!(server.work.runs(), 0);
}

async fn the_handler_gets_the_body_it_was_sent<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let long: String = ('a'..='z').cycle().take(300_000).collect();
    for body in ["", "é\u{1f600}", &long] {
        for call in [post("/", body), post("/", body).chunked()] {
            assert!(server.call(&call).await.body == body, "{} bytes", body.len());
            assert!(server.call(&call).await.body == body, "{} bytes", body.len());
        }
    }
}

async fn another_request_under_the_key_is_422<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/a", "one");
    server.call(&call).await;
    for other in [
        call.clone().body("other"),
        call.clone().path("/b"),
        call.clone().path("/a?x=1"),
        call.clone().method("PATCH"),
        call.clone().header("content-type", "text/plain"),
    ] {
        let answer = server.call(&other).await;
        assert_eq!((answer.status, answer.is_problem()), (422, true));
        assert!(answer.body.contains("idempotency-key-reused"));
    }
    // How its bytes were cut is no difference.
    assert!(server.call(&call.chunked()).await.is_replayed());
    assert_eq!(server.work.runs(), 1);
}

async fn a_body_that_breaks_off_runs_nothing<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "whole body");
    let mut stream = server.connect().await;
    stream.write_all(&call.head(10)).await.unwrap();
    stream.write_all(b"whole").await.unwrap();
    drop(stream);
    // The same key serves the client that comes back.
    let again = server.call(&call).await;
    assert_eq!((again.status, again.is_replayed(), server.work.runs()), (201, false, 1));
}

async fn uncovered_bodies_are_not_buffered<S: Shell>() {
    let server = S::with(Policy::default().optional()).await;
    let put = post("/", "").method("PUT");
    let keyless = post("/", "").without("idempotency-key");
    for call in [put, keyless] {
        let mut stream = server.connect().await;
        stream.write_all(&call.header("x-first-piece", "1").head(1000)).await.unwrap();
        stream.write_all(b"first").await.unwrap();
        // The rest never comes, and the handler answers all the same.
        assert_eq!(status(&mut stream).await, 201);
    }
}
