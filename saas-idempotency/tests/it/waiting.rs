//! A duplicate that waits for the reply of the first instead of being told 409.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use saas_idempotency::{Backend, MemoryStore, Policy};
use tokio::task::JoinHandle;

use crate::on_every_database;
use crate::served::Served;
use crate::support::{Answer, Call, Db, post};

on_every_database!(
    duplicates_get_the_reply_of_the_first,
    when_the_time_is_over_they_are_told_409_and_when_to_come_back,
    if_the_first_fails_one_of_those_that_wait_runs_and_the_others_get_its_reply,
);

const LONG: Duration = Duration::from_secs(60);

fn waiting(wait: Duration) -> Policy {
    Policy::default().wait_for_reply(wait).retry_after(Duration::from_secs(7))
}

fn send(served: &Served, policy: &Policy, call: &Call) -> JoinHandle<Answer> {
    let (served, policy, call) = (served.clone(), policy.clone(), call.clone());
    tokio::spawn(async move { served.call(&policy, &call).await })
}

/// Five duplicates of a request whose handler waits.
async fn five_duplicates(served: &Served, call: &Call) -> Vec<JoinHandle<Answer>> {
    let mut calls = vec![send(served, &waiting(LONG), call)];
    served.ran(1).await;
    calls.extend((0..5).map(|_| send(served, &waiting(LONG), call)));
    // Long enough for each of them to have looked.
    tokio::time::sleep(Duration::from_millis(100)).await;
    calls
}

async fn ends(calls: Vec<JoinHandle<Answer>>) -> Vec<Answer> {
    join_all(calls).await.into_iter().map(Result::unwrap).collect()
}

async fn duplicates_get_the_reply_of_the_first<DB: Backend>(db: Db<DB>) {
    let (served, call) = (Served::new(db.store()), post("/", "wait"));
    let calls = five_duplicates(&served, &call).await;
    served.let_end(1);
    let answers = ends(calls).await;
    assert!(answers.iter().all(|answer| (answer.status, &*answer.body) == (201, "wait")));
    assert_eq!(answers.iter().filter(|answer| answer.is_replayed()).count(), 5);
    assert_eq!(served.runs(), 1);
}

async fn when_the_time_is_over_they_are_told_409_and_when_to_come_back<DB: Backend>(db: Db<DB>) {
    let (served, call) = (Served::new(db.store()), post("/", "wait"));
    let first = send(&served, &waiting(LONG), &call);
    served.ran(1).await;
    let began = Instant::now();
    let answer = served.call(&waiting(Duration::from_millis(200)), &call).await;
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert_eq!((answer.status, answer.is_problem()), (409, true));
    assert_eq!(answer.headers["retry-after"], "7");
    served.let_end(1);
    assert_eq!(first.await.unwrap().status, 201);
    assert_eq!(served.runs(), 1);
}

async fn if_the_first_fails_one_of_those_that_wait_runs_and_the_others_get_its_reply<
    DB: Backend,
>(
    db: Db<DB>,
) {
    let (served, call) = (Served::new(db.store()), post("/", "wait, and fail at first"));
    let calls = five_duplicates(&served, &call).await;
    served.let_end(2);
    let answers = ends(calls).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 201, 201, 201, 500]);
    assert_eq!(answers.iter().filter(|answer| answer.is_replayed()).count(), 4);
    assert_eq!(served.runs(), 2);
}

#[tokio::test]
async fn another_request_under_the_key_is_refused_without_a_wait() {
    let (served, call) = (Served::new(MemoryStore::new()), post("/", "wait"));
    let first = send(&served, &waiting(LONG), &call);
    served.ran(1).await;
    let other = Call { body: "wait for something else".into(), ..call };
    assert_eq!(served.call(&waiting(LONG), &other).await.status, 422);
    served.let_end(1);
    first.await.unwrap();
}

#[tokio::test]
async fn who_waits_for_a_client_that_went_does_not_run() {
    let (served, call) = (Served::new(MemoryStore::new()), post("/", "wait, and fail at first"));
    let first = send(&served, &waiting(LONG), &call);
    served.ran(1).await;
    let gone = send(&served, &waiting(LONG), &call);
    tokio::time::sleep(Duration::from_millis(100)).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    served.let_end(2);
    assert_eq!(first.await.unwrap().status, 500);
    // Longer than any pause between two looks.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(served.runs(), 1);
    assert_eq!(served.call(&waiting(LONG), &call).await.status, 201);
}
