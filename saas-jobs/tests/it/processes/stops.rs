//! Workers that are told to stop by SIGTERM.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use saas_core::schema::Dialect;
use saas_core::sql::{Reads, Statements};
use saas_jobs::{Backend, JobId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::deed::Deed;
use super::ledger::Event;
use super::{Ground, until};
use crate::site::Site;

on_every_database! {
    true:
        slow_workers_told_to_stop_under_load_lose_nothing_and_burn_no_attempt,
        slow_only_what_overruns_the_grace_burns_an_attempt;
}

/// Mostly quick, so that a worker claims far ahead; all kinds of others among them.
fn deeds(count: usize) -> impl Iterator<Item = Deed> {
    (0..count).map(|n| match n % 200 {
        0 => Deed::Slow(1000),
        20 => Deed::Slow(100),
        40 => Deed::FailOnce,
        60 => Deed::Step,
        n if n % 20 == 10 => Deed::Quick,
        _ => Deed::Nap(1),
    })
}

/// Asserts that each job is done, with one effect, and has as many attempts as its handler was called.
async fn are_done_without_a_burned_attempt<DB: Backend>(
    ground: &mut Ground<'_, DB>,
    jobs: &[(JobId, Deed)],
) {
    let mut begun = HashMap::new();
    for entry in ground.ledger.read().iter().filter(|entry| entry.event == Event::Begun) {
        *begun.entry(entry.job).or_insert(0) += 1;
    }
    assert_eq!(begun.len(), jobs.len());
    let failed = failed_attempts(ground).await;
    let effects = ground.noted(&ground.site.name).await;
    for (job, deed) in jobs {
        assert_eq!(begun[job], 1 + failed.get(job).unwrap_or(&0), "{deed:?} {job}");
        let expected = (!matches!(deed, Deed::Nap(_))).then_some(&1);
        assert_eq!(effects.get(job), expected, "{deed:?} {job}");
    }
    for job in failed.keys() {
        assert_eq!(i64::from(ground.site.job(*job).await.attempt), begun[job]);
    }
}

/// What was counted before the attempt that succeeded, of each job with more than that one.
async fn failed_attempts<DB: Backend>(ground: &Ground<'_, DB>) -> HashMap<JobId, i64> {
    let query = QueryBuilder::<DB>::new(match DB::DIALECT {
        Dialect::Postgres => "select id, max(attempt)::bigint from saas.jobs_error group by id",
        Dialect::Sqlite => "select id, max(attempt) from saas_jobs_error group by id",
    });
    let mut tx = ground.site.pool.begin().await.unwrap();
    let rows = DB::fetch_all(&mut tx, query, ground.site.how).await.unwrap();
    let read = |row| <DB as Reads<(Uuid, i64)>>::read(row).unwrap();
    rows.iter().map(read).map(|(id, attempt)| (JobId::from_uuid(id), attempt)).collect()
}

async fn slow_workers_told_to_stop_under_load_lose_nothing_and_burn_no_attempt<DB: Backend>(
    site: &Site<DB>,
) {
    let mut ground = Ground::new(site);
    ground.orders.concurrency = 16;
    ground.orders.grace = Duration::from_secs(15);
    let mut workers = [ground.start(), ground.start()];
    let mut jobs = Vec::new();
    for turn in 0..6 {
        jobs.extend(ground.enqueue(deeds(2000)).await.into_iter().zip(deeds(2000)));
        // Beside what runs, a lot is claimed and waits.
        until("much is claimed", async || ground.held().await > 32 + 200).await;
        let next = ground.start();
        let took = std::mem::replace(&mut workers[turn % 2], next).stop().await;
        assert!(took < ground.orders.grace, "{took:?}");
    }
    until("all are done", async || ground.left().await == 0).await;
    for worker in workers {
        worker.stop().await;
    }
    are_done_without_a_burned_attempt(&mut ground, &jobs).await;
}

async fn slow_only_what_overruns_the_grace_burns_an_attempt<DB: Backend>(site: &Site<DB>) {
    let mut ground = Ground::new(site);
    ground.orders.concurrency = 1;
    ground.orders.grace = Duration::from_secs(1);
    let worker = ground.start();
    let naps = ground.enqueue([Deed::Nap(0); 100]).await;
    until("it is warm", async || ground.entries(Event::Begun, &naps).len() == 100).await;
    let endless = ground.enqueue([Deed::Endless]).await;
    until("it has begun", async || ground.entries(Event::Begun, &endless).len() == 1).await;
    let behind = ground.enqueue([Deed::Quick; 50]).await;
    until("some are claimed ahead", async || ground.held().await > 1).await;
    assert!(worker.stop().await >= ground.orders.grace);
    assert_eq!(ground.held().await, 0);
    assert_eq!(site.job(endless[0]).await.attempt, 1);
    assert_eq!(site.job(behind[0]).await.attempt, 0);

    let worker = ground.start();
    until("all are done", async || ground.left().await == 0).await;
    worker.stop().await;
    let of = |jobs: Vec<JobId>, deed| jobs.into_iter().map(move |job| (job, deed));
    let jobs = of(naps, Deed::Nap(0)).chain(of(endless, Deed::Endless));
    let jobs: Vec<_> = jobs.chain(of(behind, Deed::Quick)).collect();
    are_done_without_a_burned_attempt(&mut ground, &jobs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_a_worker_told_to_stop_while_the_database_is_away_stops_soon() {
    let (db, mut server) = saas_testkit::postgres_of_its_own().await;
    let site = crate::site::of_its_own(db, Statements::Named).await;
    let mut ground = Ground::new(&site);
    ground.orders.grace = Duration::from_secs(2);
    let mut worker = ground.start();
    let jobs = ground.enqueue([Deed::Slow(600); 30]).await;
    until("some have begun", async || ground.entries(Event::Begun, &jobs).len() > 8).await;
    server.kill();
    worker.signal(saas_testkit::Signal::TERM);
    let told = Instant::now();
    while worker.is_alive() {
        // The grace, five seconds for the last outcomes, five for the rest.
        assert!(told.elapsed() < Duration::from_secs(14), "it has not stopped");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.start().await;
    let next = ground.start();
    ground.until_done(&jobs).await;
    next.stop().await;
}
