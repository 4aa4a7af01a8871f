//! The header: draft section 2.1, and the error answers of section 2.7.

use saas_idempotency::Policy;

use super::client::post;
use super::{Setup, Shell};
use crate::on_both_shells;

on_both_shells!(
    quoted_and_bare_name_the_same_key,
    a_key_has_1_to_255_visible_characters,
    a_missing_key_is_400_where_it_is_required,
    an_empty_malformed_or_repeated_key_is_400,
    an_optional_key_may_be_absent_but_not_malformed,
    the_headers_name_is_the_policys,
    the_draft_spelling_and_case_of_the_header_do_not_matter,
    safe_and_uncovered_methods_pass_untouched,
    any_method_can_be_covered,
    keys_reach_no_answer,
);

async fn quoted_and_bare_name_the_same_key<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "one").key("8e03978e");
    server.call(&call).await;
    assert!(server.call(&call.key("\"8e03978e\"")).await.is_replayed());
}

async fn a_key_has_1_to_255_visible_characters<S: Shell>() {
    let server = S::start(Setup::default()).await;
    for (length, status) in [(1, 201), (255, 201), (256, 400)] {
        for key in ["k".repeat(length), format!("\"{}\"", "k".repeat(length))] {
            let answer = server.call(&post("/", "one").key(key)).await;
            assert_eq!((answer.status, answer.is_problem()), (status, status == 400), "{length}");
        }
    }
}

async fn a_missing_key_is_400_where_it_is_required<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let answer = server.call(&post("/", "one").without("idempotency-key")).await;
    assert_eq!((answer.status, answer.is_problem()), (400, true));
    assert!(answer.body.contains("idempotency-key-missing"));
    assert_eq!(server.work.runs(), 0);
}

async fn an_empty_malformed_or_repeated_key_is_400<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let keys: [&[u8]; 10] = [
        b"",
        b"\"\"",
        b"a b",
        b"\"open",
        b"open\"",
        b"a,b",
        b"\"a\";v=1",
        b"\"a\", \"b\"",
        b"cl\xc3\xa9",
        b"\xff",
    ];
    for key in keys {
        let answer = server.call(&post("/", "one").key(key)).await;
        assert_eq!((answer.status, answer.is_problem()), (400, true), "{key:?}");
        assert!(answer.body.contains("idempotency-key-malformed"), "{key:?}");
    }
    for second in ["other", "k"] {
        let answer =
            server.call(&post("/", "one").key("k").header("idempotency-key", second)).await;
        assert_eq!(answer.status, 400);
    }
    assert_eq!(server.work.runs(), 0);
}

async fn an_optional_key_may_be_absent_but_not_malformed<S: Shell>() {
    let server = S::with(Policy::default().optional()).await;
    let call = post("/", "one");
    let keyless = call.clone().without("idempotency-key");
    for run in 1..=2 {
        let answer = server.call(&keyless).await;
        assert_eq!((answer.status, answer.is_replayed(), server.work.runs()), (201, false, run));
    }
    assert_eq!(server.call(&call.clone().key("a b")).await.status, 400);
    server.call(&call).await;
    assert!(server.call(&call).await.is_replayed());
}

async fn the_headers_name_is_the_policys<S: Shell>() {
    let server = S::with(Policy::default().header("x-once")).await;
    let call = post("/", "one");
    assert_eq!(server.call(&call).await.status, 400, "the usual name means nothing here");
    let call = call.header("X-Once", "k");
    server.call(&call).await;
    assert!(server.call(&call).await.is_replayed());
}

async fn the_draft_spelling_and_case_of_the_header_do_not_matter<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "one").key("k");
    server.call(&call).await;
    let shouted = call.without("idempotency-key").header("IDEMPOTENCY-KEY", "k");
    assert!(server.call(&shouted).await.is_replayed());
}

async fn safe_and_uncovered_methods_pass_untouched<S: Shell>() {
    // A cap of one byte, a malformed key, no scope: none of it matters to them.
    let server = S::with(Policy::default().request_cap(1)).await;
    for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND", "BREW"] {
        let call = post("/", "longer").method(method).key("\"").without("x-tenant");
        let (first, again) = (server.call(&call).await, server.call(&call).await);
        assert_eq!((first.status, again.status), (201, 201), "{method}");
        assert_ne!(first.run(), again.run(), "{method}");
        assert!(!again.is_replayed(), "{method}");
    }
}

async fn any_method_can_be_covered<S: Shell>() {
    let server = S::with(Policy::default().methods(["PUT", "BREW"])).await;
    for method in ["PUT", "BREW"] {
        let call = post("/", "one").method(method);
        server.call(&call).await;
        assert!(server.call(&call).await.is_replayed(), "{method}");
    }
    let call = post("/", "one");
    server.call(&call).await;
    assert!(!server.call(&call).await.is_replayed());
}

async fn keys_reach_no_answer<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "one").key("secret-key");
    let other = call.clone().body("other");
    for answer in [server.call(&call).await, server.call(&call).await, server.call(&other).await] {
        assert!(!format!("{answer:?}").contains("secret-key"));
    }
}
