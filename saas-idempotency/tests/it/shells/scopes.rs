//! Whose key it is.

use saas_core::TenantId;
use saas_idempotency::Policy;

use super::client::post;
use super::{Layout, Setup, Shell};
use crate::on_both_shells;

on_both_shells!(
    equal_keys_of_two_tenants_are_strangers,
    equal_keys_of_two_users_are_strangers,
    a_strangers_key_tells_nothing_of_its_record,
    a_missing_scope_is_a_loud_500,
    anonymous_requests_need_the_policys_leave,
    derived_keys_are_one_for_each_request_and_label,
    the_extractor_without_a_shell_is_500,
    the_crates_own_errors_are_problems,
);

async fn equal_keys_of_two_tenants_are_strangers<S: Shell>() {
    let server = S::start(Setup::default()).await;
    for run in 1..=3 {
        let answer = server.call(&post("/", "one").key("k")).await;
        assert_eq!((answer.status, answer.is_replayed(), server.work.runs()), (201, false, run));
    }
}

async fn equal_keys_of_two_users_are_strangers<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let tenant = post("/", "one").key("k");
    let nobodys = tenant.clone().without("x-tenant");
    let calls = [
        tenant.clone(),
        tenant.clone().header("x-user", "ann"),
        tenant.header("x-user", "bob"),
        nobodys.clone().header("x-user", "ann"),
        nobodys.header("x-user", "bob"),
    ];
    for (run, call) in (1..).zip(&calls) {
        assert!(!server.call(call).await.is_replayed());
        assert_eq!(server.work.runs(), run);
    }
    for call in &calls {
        assert!(server.call(call).await.is_replayed());
    }
}

async fn a_strangers_key_tells_nothing_of_its_record<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let owner = post("/", "one").key("k");
    server.call(&owner).await;
    let running = post("/", "wait").key("running");
    let first = server.calling(&running);
    server.work.ran(2).await;
    // Equal keys, other requests: the owner would get 422 and 409.
    let stranger = TenantId::new().to_string();
    for key in ["k", "running", "unused"] {
        let answer = server.call(&post("/", "other").tenant(&stranger).key(key)).await;
        assert_eq!((answer.status, answer.body.as_str()), (201, "other"), "{key}");
    }
    server.work.let_end(1);
    first.await.unwrap();
}

async fn a_missing_scope_is_a_loud_500<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let answer = server.call(&post("/", "one").without("x-tenant")).await;
    assert_eq!((answer.status, answer.is_problem(), server.work.runs()), (500, true, 0));
}

async fn anonymous_requests_need_the_policys_leave<S: Shell>() {
    let call = post("/", "one").without("x-tenant").header("x-anonymous", "1");
    let server = S::start(Setup::default()).await;
    assert_eq!(server.call(&call).await.status, 500);
    let server = S::with(Policy::default().allow_anonymous()).await;
    server.call(&call).await;
    assert!(server.call(&call).await.is_replayed());
}

async fn derived_keys_are_one_for_each_request_and_label<S: Shell>() {
    let server = S::with(Policy::default().optional()).await;
    let keys = async |call: &super::client::Call| -> ([String; 2], u32, bool) {
        serde_json::from_str(&server.call(call).await.body).unwrap()
    };
    let call = post("/derive", "");
    let first = keys(&call).await;
    // It ran again, since its status releases the key.
    assert_eq!(first, keys(&call).await);
    let ([charge, mail], attempt, has_key) = first;
    assert!(charge.len() == 64 && mail.len() == 64 && charge != mail);
    assert_eq!((attempt, has_key), (1, true));
    assert_ne!(keys(&call.clone().key("other")).await.0[0], charge);
    // Without a key they are random, and the handler is the same.
    let keyless = call.without("idempotency-key");
    let (one, other) = (keys(&keyless).await, keys(&keyless).await);
    assert!(one.0[0] != other.0[0] && !one.2);
}

async fn the_extractor_without_a_shell_is_500<S: Shell>() {
    let server = S::start(Setup { layout: Layout::Absent, ..Setup::default() }).await;
    let answer = server.call(&post("/derive", "")).await;
    assert_eq!((answer.status, answer.is_problem()), (500, true));
}

async fn the_crates_own_errors_are_problems<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/fail", "");
    let first = server.call(&call).await;
    assert_eq!((first.status, first.is_problem()), (422, true));
    let again = server.call(&call).await;
    assert!(again.is_replayed());
    assert_eq!((again.status, again.body), (422, first.body));
}
