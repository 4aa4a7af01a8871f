//! The sweeper: what it removes, and that nothing but its stop ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use saas_core::ManualClock;
use saas_idempotency::testing::{after, attempt, retry};
use saas_idempotency::{
    Attempt, Claimed, Error, Lease, MemoryStore, Outcome, Reply, Store, Sweeper,
};
use tokio::time::{Instant, sleep};

use crate::support::sqlite;

/// Leaves 25 records that have expired two hours later, and one that has not.
async fn fill(store: &impl Store) {
    // The later one first: memory makes room by itself when it is told a later time.
    store.record(&retry(&attempt(), 7000), &Outcome::Reply(Reply::new(201))).await.unwrap();
    for _ in 0..25 {
        store.record(&attempt(), &Outcome::Reply(Reply::new(201))).await.unwrap();
    }
}

async fn one_pass_removes_what_has_expired(store: impl Store + 'static) {
    fill(&store).await;
    let sweeper = Sweeper::new(store).batch(10).clock(ManualClock::at(after(7200)));
    assert_eq!(sweeper.sweep().await.unwrap(), 25);
    assert_eq!(sweeper.sweep().await.unwrap(), 0);
}

#[tokio::test]
async fn one_pass_removes_what_has_expired_batch_after_batch() {
    one_pass_removes_what_has_expired(MemoryStore::new()).await;
    one_pass_removes_what_has_expired(sqlite().await.store()).await;
}

#[tokio::test(start_paused = true)]
async fn it_sweeps_again_and_again_until_it_is_told_to_stop() {
    let store = Arc::new(MemoryStore::new());
    let sweeper = Sweeper::new(store.clone())
        .every(Duration::from_secs(60))
        .batch(7)
        .clock(ManualClock::at(after(7200)));
    let began = Instant::now();
    let running = tokio::spawn(sweeper.run_until(sleep(Duration::from_secs(300))));
    for round in 1..=3 {
        fill(&*store).await;
        sleep(Duration::from_secs(90)).await;
        assert_eq!(store.len(), round, "the expired ones are gone");
    }
    running.await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 300);
    fill(&*store).await;
    sleep(Duration::from_secs(600)).await;
    assert_eq!(store.len(), 3 + 26, "nothing sweeps any more");
}

/// Fails when it is swept, or never answers, as often as it is told.
#[derive(Debug)]
struct Reluctant {
    store: MemoryStore,
    fails: usize,
    hangs: bool,
    asked: AtomicUsize,
}

impl Reluctant {
    fn new(fails: usize, hangs: bool) -> Arc<Self> {
        Arc::new(Self { store: MemoryStore::new(), fails, hangs, asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_asked_again_soon_and_then_ever_later() {
    let store = Reluctant::new(4, false);
    fill(&store.store).await;
    let sweeper = Sweeper::new(store.clone())
        .every(Duration::from_secs(60))
        .clock(ManualClock::at(after(7200)));
    let running = tokio::spawn(sweeper.run_until(std::future::pending()));
    while store.asked() == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    // Then after 1, 2, 4 and 8 seconds, each a tenth more or less.
    sleep(Duration::from_secs(9)).await;
    assert_eq!(store.asked(), 4);
    assert_eq!(store.store.len(), 26);
    sleep(Duration::from_secs(9)).await;
    assert_eq!(store.asked(), 5);
    assert_eq!(store.store.len(), 1);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn it_stops_at_once_though_the_store_does_not_answer() {
    let store = Reluctant::new(0, true);
    let began = Instant::now();
    let stop = sleep(Duration::from_secs(100));
    Sweeper::new(store.clone()).run_until(stop).await;
    assert_eq!(store.asked(), 1);
    assert_eq!(began.elapsed().as_secs(), 100);
}

impl Store for Reluctant {
    fn claim<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<Claimed, Error>> {
        self.store.claim(attempt)
    }
    fn complete<'a>(
        &'a self,
        lease: &'a Lease,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        self.store.complete(lease, outcome)
    }
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, Error>> {
        self.store.release(lease)
    }
    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        until: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        self.store.renew(lease, until)
    }
    fn record<'a>(
        &'a self,
        attempt: &'a Attempt,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<Claimed, Error>> {
        self.store.record(attempt, outcome)
    }
    fn sweep(&self, now: DateTime<Utc>, limit: u32) -> BoxFuture<'_, Result<u64, Error>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            match asked < self.fails {
                true => Err(Error::Store("down".into())),
                false if self.hangs => std::future::pending().await,
                false => self.store.sweep(now, limit).await,
            }
        })
    }
}
