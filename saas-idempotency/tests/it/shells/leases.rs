//! Slow handlers: heartbeat, lapsed leases, fencing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;
use saas_core::ManualClock;
use saas_idempotency::Policy;

use super::client::post;
use super::moody::{Mood, Moods, Moody};
use super::{Setup, Shell};
use crate::on_both_shells;

on_both_shells!(
    a_slow_handler_keeps_its_lease_slow,
    a_lapsed_lease_is_taken_over_by_one,
    an_attempt_that_lost_its_lease_answers_what_its_heir_recorded,
    the_heir_knows_that_it_is_not_the_first,
    a_lapsed_lease_is_not_for_another_request,
    a_heartbeat_that_fails_does_not_stop_the_handler_slow,
    an_expired_record_is_executed_again,
);

fn manual() -> (Arc<ManualClock>, Setup) {
    let clock = Arc::new(ManualClock::at(DateTime::UNIX_EPOCH));
    (clock.clone(), Setup { clock: Some(clock), ..Setup::default() })
}

async fn a_slow_handler_keeps_its_lease_slow<S: Shell>() {
    let server = S::with(Policy::default().lease(Duration::from_millis(1500))).await;
    let call = post("/", "wait");
    let first = server.calling(&call);
    server.work.ran(1).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(4) {
        assert_eq!(server.call(&call).await.status, 409);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.work.let_end(1);
    assert_eq!((first.await.unwrap().status, server.work.runs()), (200, 1));
}

async fn a_lapsed_lease_is_taken_over_by_one<S: Shell>() {
    let (clock, setup) = manual();
    let server = S::start(setup).await;
    for round in 0..20 {
        let call = post("/", "wait");
        let first = server.calling(&call);
        server.work.ran(2 * round + 1).await;
        clock.advance(Duration::from_secs(31));
        let heirs: Vec<_> = (0..6).map(|_| server.calling(&call)).collect();
        server.work.ran(2 * round + 2).await;
        server.work.let_end(2);
        first.await.unwrap();
        for heir in heirs {
            assert!([200, 409].contains(&heir.await.unwrap().status));
        }
        assert_eq!(server.work.runs(), 2 * round + 2);
    }
}

async fn an_attempt_that_lost_its_lease_answers_what_its_heir_recorded<S: Shell>() {
    let (clock, setup) = manual();
    let server = S::start(setup).await;
    let call = post("/", "wait");
    let slow = server.calling(&call);
    server.work.ran(1).await;
    clock.advance(Duration::from_secs(31));
    let heir = server.calling(&call);
    server.work.ran(2).await;
    server.work.let_end(2);
    let (slow, heir) = (slow.await.unwrap(), heir.await.unwrap());
    assert_eq!((heir.status, heir.run(), heir.is_replayed()), (200, "2", false));
    // The heir may still run when the first is done: that one is then told to come back.
    assert!(slow.status == 409 || slow.is_replayed() && slow.run() == "2", "{slow:?}");
    assert_eq!(server.call(&call).await.run(), "2");
}

async fn the_heir_knows_that_it_is_not_the_first<S: Shell>() {
    let (clock, setup) = manual();
    // It cannot even say that it failed, so the lease stays.
    let moods = Moods { end: Mood::Down, ..Moods::WELL };
    let server = S::start(Setup { store: Arc::new(Moody::new(moods)), ..setup }).await;
    let call = post("/derive", "");
    let mut keys = Vec::new();
    for attempt in 1..=3 {
        let body = server.call(&call).await.body;
        let (derived, seen, _): ([String; 2], u32, bool) = serde_json::from_str(&body).unwrap();
        assert_eq!(seen, attempt);
        keys.push(derived);
        clock.advance(Duration::from_secs(31));
    }
    assert!(keys.iter().all(|derived| *derived == keys[0]), "the provider recognizes it");
}

async fn a_lapsed_lease_is_not_for_another_request<S: Shell>() {
    let (clock, setup) = manual();
    let server = S::start(setup).await;
    let call = post("/", "wait");
    let first = server.calling(&call);
    server.work.ran(1).await;
    clock.advance(Duration::from_secs(31));
    assert_eq!(server.call(&call.body("other")).await.status, 422);
    server.work.let_end(1);
    assert_eq!((first.await.unwrap().status, server.work.runs()), (200, 1));
}

async fn a_heartbeat_that_fails_does_not_stop_the_handler_slow<S: Shell>() {
    for renew in [Mood::Down, Mood::Silent] {
        let store = Arc::new(Moody::new(Moods { renew, ..Moods::WELL }));
        let lease = Duration::from_millis(600);
        let policy = Policy::default().lease(lease).store_timeout(lease / 6);
        let server = S::start(Setup { store: store.clone(), policy, ..Setup::default() }).await;
        let call = post("/", "wait");
        let first = server.calling(&call);
        server.work.ran(1).await;
        tokio::time::sleep(lease / 2).await;
        // One beat was missed; those after it are in time.
        store.set(Moods::WELL);
        tokio::time::sleep(lease * 2).await;
        assert_eq!(server.call(&call).await.status, 409, "{renew:?}");
        server.work.let_end(1);
        assert_eq!((first.await.unwrap().status, server.work.runs()), (200, 1));
    }
}

async fn an_expired_record_is_executed_again<S: Shell>() {
    let (clock, setup) = manual();
    let server = S::start(setup).await;
    let call = post("/", "one");
    server.call(&call).await;
    clock.advance(Duration::from_secs(86_399));
    assert!(server.call(&call).await.is_replayed());
    clock.advance(Duration::from_secs(1));
    let again = server.call(&call).await;
    assert_eq!((again.is_replayed(), again.run()), (false, "2"));
}
