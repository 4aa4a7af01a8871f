//! Where the shell stands: mounts, and one within the other.

use super::client::post;
use super::{Layout, Setup, Shell};
use crate::on_both_shells;

on_both_shells!(
    two_mounts_are_told_apart,
    of_two_nested_shells_the_outer_covers_a_request_with_a_key,
    of_two_nested_shells_the_inner_still_requires_a_key,
);

async fn two_mounts_are_told_apart<S: Shell>() {
    let server = S::start(Setup { layout: Layout::Mounts, ..Setup::default() }).await;
    let call = post("/a/x", "one");
    assert_eq!(server.call(&call).await.status, 201);
    assert_eq!(server.call(&call.clone().path("/b/x")).await.status, 422);
    assert!(server.call(&call).await.is_replayed());
    assert_eq!(server.work.runs(), 1);
}

async fn of_two_nested_shells_the_outer_covers_a_request_with_a_key<S: Shell>() {
    let server = S::start(Setup { layout: Layout::Nested, ..Setup::default() }).await;
    for path in ["/x", "/strict/x"] {
        let (call, runs) = (post(path, "one"), server.work.runs());
        assert_eq!(server.call(&call).await.status, 201, "{path}");
        assert!(server.call(&call).await.is_replayed(), "{path}");
        assert_eq!(server.work.runs(), runs + 1);
    }
}

async fn of_two_nested_shells_the_inner_still_requires_a_key<S: Shell>() {
    let server = S::start(Setup { layout: Layout::Nested, ..Setup::default() }).await;
    let keyless = |path| post(path, "one").without("idempotency-key");
    assert_eq!(server.call(&keyless("/x")).await.status, 201);
    let refused = server.call(&keyless("/strict/x")).await;
    assert_eq!((refused.status, refused.is_problem(), server.work.runs()), (400, true, 1));
}
