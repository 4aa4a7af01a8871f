//! Which responses are kept, and what of them.

use saas_idempotency::Policy;

use super::client::post;
use super::work::HEADERS;
use super::{Setup, Shell};
use crate::on_both_shells;

on_both_shells!(
    a_retry_gets_status_headers_and_bytes_of_the_first,
    location_and_etag_are_kept,
    cookies_and_what_else_is_one_clients_are_never_replayed,
    final_outcomes_are_kept_and_the_others_run_again,
    a_stored_failure_does_not_block_the_retry,
    the_policy_keeps_and_releases_by_status,
    stripes_preset_keeps_every_outcome,
    the_handler_has_the_last_word,
);

async fn a_retry_gets_status_headers_and_bytes_of_the_first<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "headers");
    let (first, again) = (server.call(&call).await, server.call(&call).await);
    assert_eq!((first.status, first.is_replayed()), (200, false));
    assert_eq!((again.status, again.is_replayed()), (200, true));
    assert_eq!((first.body.as_str(), &first.body), ("made", &again.body));
    assert_eq!((first.run(), again.run(), server.work.runs()), ("1", "1", 1));
    assert_eq!(again.headers.get_all("idempotency-replayed").iter().count(), 1);
}

async fn location_and_etag_are_kept<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "headers");
    server.call(&call).await;
    let again = server.call(&call).await;
    for (name, value) in &HEADERS[..4] {
        assert_eq!(again.headers[*name], value, "{name}");
    }
}

async fn cookies_and_what_else_is_one_clients_are_never_replayed<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "headers");
    let (first, again) = (server.call(&call).await, server.call(&call).await);
    for (name, _) in &HEADERS[4..] {
        assert!(first.headers.contains_key(*name), "{name} reaches the first");
        assert!(!again.headers.contains_key(*name), "{name} is not repeated");
    }
}

async fn final_outcomes_are_kept_and_the_others_run_again<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let kept = [200, 201, 202, 204, 302, 303, 400, 404, 409, 410, 412, 415, 422, 451];
    let released = [401, 403, 408, 413, 421, 425, 429, 500, 502, 503, 504];
    let all = kept.map(|status| (status, true)).into_iter();
    for (status, kept) in all.chain(released.map(|status| (status, false))) {
        let (call, runs) = (post("/", &format!("answer {status}")), server.work.runs());
        assert_eq!(server.call(&call).await.status, status);
        let again = server.call(&call).await;
        assert_eq!((again.status, again.is_replayed()), (status, kept));
        assert_eq!(server.work.runs() - runs, if kept { 1 } else { 2 }, "{status}");
    }
}

async fn a_stored_failure_does_not_block_the_retry<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "answer 500");
    assert_eq!(server.call(&call).await.status, 500);
    // Forgotten whole: even another request may have the key.
    let other = server.call(&call.body("one")).await;
    assert_eq!((other.status, other.is_replayed()), (201, false));
}

async fn the_policy_keeps_and_releases_by_status<S: Shell>() {
    let server = S::with(Policy::default().keep(503).release(404)).await;
    for (status, kept) in [(503, true), (404, false)] {
        let call = post("/", &format!("answer {status}"));
        server.call(&call).await;
        assert_eq!(server.call(&call).await.is_replayed(), kept, "{status}");
    }
}

async fn stripes_preset_keeps_every_outcome<S: Shell>() {
    let server = S::with(Policy::stripe_v1()).await;
    for status in [201, 402, 404, 500, 503] {
        let call = post("/", &format!("answer {status}"));
        server.call(&call).await;
        let again = server.call(&call).await;
        assert_eq!((again.status, again.is_replayed()), (status, true));
    }
}

async fn the_handler_has_the_last_word<S: Shell>() {
    let server = S::start(Setup::default()).await;
    for (body, kept) in [("forget", false), ("keep", true)] {
        let call = post("/", body);
        server.call(&call).await;
        assert_eq!(server.call(&call).await.is_replayed(), kept, "{body}");
    }
}
