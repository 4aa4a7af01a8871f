//! Duplicates at once.

use std::time::Duration;

use futures_util::future::join_all;
use saas_idempotency::Policy;

use super::client::post;
use super::{Server, Setup, Shell};
use crate::on_both_shells;

on_both_shells!(
    while_one_runs_the_others_get_409_with_retry_after,
    a_mismatch_wins_over_in_progress,
    twelve_at_once_have_one_winner_for_fifty_rounds,
    twelve_at_once_have_one_winner_for_five_hundred_rounds_slow,
    a_duplicate_that_may_wait_gets_the_winners_response,
);

async fn while_one_runs_the_others_get_409_with_retry_after<S: Shell>() {
    let server = S::with(Policy::default().retry_after(Duration::from_secs(7))).await;
    let call = post("/", "wait");
    let first = server.calling(&call);
    server.work.ran(1).await;
    let second = server.call(&call).await;
    assert_eq!((second.status, second.is_problem()), (409, true));
    assert_eq!(second.headers["retry-after"], "7");
    assert!(second.body.contains("idempotency-in-progress"));
    server.work.let_end(1);
    assert_eq!(first.await.unwrap().body, "waited");
    assert!(server.call(&call).await.is_replayed());
    assert_eq!(server.work.runs(), 1);
}

async fn a_mismatch_wins_over_in_progress<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "wait");
    let first = server.calling(&call);
    server.work.ran(1).await;
    assert_eq!(server.call(&call.body("other")).await.status, 422);
    server.work.let_end(1);
    first.await.unwrap();
}

async fn twelve_at_once_have_one_winner_for_fifty_rounds<S: Shell>() {
    race(&S::start(Setup::default()).await, 50).await;
}

async fn twelve_at_once_have_one_winner_for_five_hundred_rounds_slow<S: Shell>() {
    race(&S::start(Setup::default()).await, 500).await;
}

async fn race(server: &Server, rounds: usize) {
    for round in 1..=rounds {
        let call = post("/", "race");
        let answers = join_all((0..12).map(|_| server.calling(&call))).await;
        let mut executed = 0;
        for answer in answers.into_iter().map(Result::unwrap) {
            match answer.status {
                201 => executed += usize::from(!answer.is_replayed()),
                409 => assert!(answer.headers.contains_key("retry-after")),
                _ => panic!("{answer:?}"),
            }
        }
        assert_eq!((executed, server.work.runs()), (1, round));
    }
}

async fn a_duplicate_that_may_wait_gets_the_winners_response<S: Shell>() {
    let server = S::with(Policy::default().wait_for_reply(Duration::from_secs(20))).await;
    let call = post("/", "wait");
    let first = server.calling(&call);
    server.work.ran(1).await;
    let others: Vec<_> = (0..5).map(|_| server.calling(&call)).collect();
    // Not even now is a mismatch made to wait.
    assert_eq!(server.call(&call.clone().body("other")).await.status, 422);
    server.work.let_end(1);
    first.await.unwrap();
    for other in others {
        let other = other.await.unwrap();
        assert_eq!((other.body.as_str(), other.is_replayed()), ("waited", true));
    }
    assert_eq!(server.work.runs(), 1);
}
