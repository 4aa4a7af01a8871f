//! A store that is down, slow, silent, or comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use saas_idempotency::Policy;

use super::client::post;
use super::moody::{Mood, Moods, Moody};
use super::{Server, Setup, Shell};
use crate::on_both_shells;

on_both_shells!(
    a_store_that_is_down_at_the_claim_is_503_and_runs_nothing,
    a_store_that_is_silent_at_the_claim_is_503_in_time,
    a_claim_that_came_too_late_does_not_block_the_retry,
    a_store_that_is_down_at_the_end_lets_the_answer_out_and_keeps_the_lease,
    a_store_that_is_silent_at_the_end_lets_the_answer_out_in_time,
    a_release_that_fails_lets_the_answer_out,
);

const BOUND: Duration = Duration::from_millis(300);

async fn serve<S: Shell>(moods: Moods) -> (Moody, Server) {
    let store = Moody::new(moods);
    let policy = Policy::default().store_timeout(BOUND).wait(Duration::ZERO);
    let setup = Setup { store: Arc::new(store.clone()), policy, ..Setup::default() };
    (store, S::start(setup).await)
}

async fn a_store_that_is_down_at_the_claim_is_503_and_runs_nothing<S: Shell>() {
    let (store, server) = serve::<S>(Moods { claim: Mood::Down, ..Moods::WELL }).await;
    let call = post("/", "one");
    let answer = server.call(&call).await;
    assert_eq!((answer.status, answer.is_problem(), server.work.runs()), (503, true, 0));
    assert!(answer.headers.contains_key("retry-after"));
    assert!(!answer.body.contains("down"), "what the store said is for the operator");
    store.set(Moods::WELL);
    assert_eq!(server.call(&call).await.status, 201);
}

async fn a_store_that_is_silent_at_the_claim_is_503_in_time<S: Shell>() {
    let (store, server) = serve::<S>(Moods { claim: Mood::Silent, ..Moods::WELL }).await;
    let (call, began) = (post("/", "one"), Instant::now());
    let answer = server.call(&call).await;
    assert_eq!((answer.status, answer.is_problem(), server.work.runs()), (503, true, 0));
    assert!((BOUND..BOUND * 20).contains(&began.elapsed()), "{:?}", began.elapsed());
    store.set(Moods::WELL);
    assert_eq!(server.call(&call).await.status, 201);
}

async fn a_claim_that_came_too_late_does_not_block_the_retry<S: Shell>() {
    let (store, server) = serve::<S>(Moods { claim: Mood::Slow, ..Moods::WELL }).await;
    let call = post("/", "one");
    assert_eq!(server.call(&call).await.status, 503);
    store.set(Moods::WELL);
    // What was claimed and not run is given back, and not after the lease only.
    let answer = server.settled(&call).await;
    assert_eq!((answer.status, answer.is_replayed(), server.work.runs()), (201, false, 1));
}

async fn a_store_that_is_down_at_the_end_lets_the_answer_out_and_keeps_the_lease<S: Shell>() {
    let (store, server) = serve::<S>(Moods { end: Mood::Down, ..Moods::WELL }).await;
    let call = post("/", "one");
    assert_eq!(server.call(&call).await.status, 201);
    store.set(Moods::WELL);
    assert_eq!((server.call(&call).await.status, server.work.runs()), (409, 1));
}

async fn a_store_that_is_silent_at_the_end_lets_the_answer_out_in_time<S: Shell>() {
    for end in [Mood::Silent, Mood::Slow] {
        let (_, server) = serve::<S>(Moods { end, ..Moods::WELL }).await;
        let (call, began) = (post("/", "one"), Instant::now());
        assert_eq!(server.call(&call).await.status, 201);
        assert!(began.elapsed() < BOUND * 20, "{:?}", began.elapsed());
        // Of the two, the slow one had recorded it.
        let again = server.call(&call).await;
        assert_eq!(again.status, if matches!(end, Mood::Slow) { 201 } else { 409 });
        assert_eq!(server.work.runs(), 1);
    }
}

async fn a_release_that_fails_lets_the_answer_out<S: Shell>() {
    for end in [Mood::Down, Mood::Silent] {
        let (_, server) = serve::<S>(Moods { end, ..Moods::WELL }).await;
        let call = post("/", "answer 500");
        assert_eq!(server.call(&call).await.status, 500);
        assert_eq!(server.call(&call).await.status, 409, "the lease stays");
    }
}
