//! What an application's tests are given.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use saas_core::{Clock, TenantId};
use saas_jobs::testing::{self, Expected};
use saas_jobs::{
    Backend, Drain, Drained, Job, JobContext, JobId, JobResult, JobState, Limit, Options, Outcome,
    Queue, Run, Step, Worker,
};
use serde::{Deserialize, Serialize};

use crate::jobs::{Act, App};
use crate::site::Site;

on_every_database! {
    false:
        a_waiting_job_is_found_by_what_is_said_of_it,
        a_failed_expectation_says_where_and_what_there_is;
    true:
        a_drain_stops_after_so_many_runs_and_leaves_the_rest_as_it_was,
        a_drain_runs_only_the_queues_it_is_told,
        a_drain_may_run_ahead_of_the_clock;
}

async fn a_waiting_job_is_found_by_what_is_said_of_it<DB: Backend>(site: &Site<DB>) {
    let mut tx = site.pool.begin().await.unwrap();
    let (tenant, at) = (TenantId::new(), site.clock.now() + Duration::from_secs(7200));
    let told = site.options().tenant(tenant).priority(3).run_at(at);
    let note = || Act::Complete(site.name.clone());
    let id = site.queue.enqueue_with(&mut tx, note(), told).await.unwrap();
    let name = site.name.clone();
    let here = || {
        let name = name.clone();
        Expected::<Act>::new()
            .queue(site.name.clone())
            .args(move |act| matches!(act, Act::Complete(note) if *note == name))
    };
    let expected = here().tenant(tenant).priority(3).run_at(at + Duration::from_millis(900));
    let found = site.queue.assert_enqueued(&mut tx, expected).await;
    assert_eq!((found.id, found.job, found.run_at), (id, note(), Some(at)));
    assert_eq!((found.tenant, found.priority, found.attempts), (Some(tenant), 3, 0));
    for other in [
        here().tenant(TenantId::new()),
        here().priority(2),
        here().ready(),
        here().run_at(at + Duration::from_secs(2)),
        here().run_at(at + Duration::from_millis(20)).within(Duration::from_millis(10)),
        here().queue("another"),
        here().args(|act| *act == Act::Done),
    ] {
        site.queue.refute_enqueued(&mut tx, other).await;
    }
    tx.rollback().await.unwrap();
    let mut tx = site.pool.begin().await.unwrap();
    site.queue.refute_enqueued(&mut tx, here()).await;
}

async fn a_failed_expectation_says_where_and_what_there_is<DB: Backend>(site: &Site<DB>) {
    site.enqueue(Act::Sleep(77)).await;
    let mut tx = site.pool.begin().await.unwrap();
    let wanted = Expected::<Act>::new().queue(site.name.clone()).priority(4);
    let failing = site.queue.assert_enqueued(&mut tx, wanted);
    let panic = AssertUnwindSafe(failing).catch_unwind().await.unwrap_err();
    let said = panic.downcast_ref::<String>().unwrap();
    assert!(said.contains("testing.rs") && said.contains("priority: 4"), "{said}");
    assert!(said.contains(r#"{"Sleep":77}"#) && said.contains(&site.name), "{said}");
    let present = Expected::<Act>::new().queue(site.name.clone());
    let failing = site.queue.refute_enqueued(&mut tx, present);
    assert!(AssertUnwindSafe(failing).catch_unwind().await.is_err());
}

async fn a_drain_stops_after_so_many_runs_and_leaves_the_rest_as_it_was<DB: Backend>(
    site: &Site<DB>,
) {
    let app = App::new(&site.pool, &site.queue);
    for _ in 0..4 {
        site.enqueue_with(Act::Done, site.options().limit(site.name.clone())).await;
        site.enqueue(Act::Done).await;
    }
    let drain = |most| {
        let limit = Limit::new(site.name.clone()).at_once(4);
        site.worker(&app).register::<Act>().limit(limit).drain_with(Drain::new().most(most))
    };
    assert_eq!(drain(0).await.unwrap(), Drained::default());
    // The fourth and fifth are of a batch of four that was claimed under the limit.
    assert_eq!(drain(6).await.unwrap().done, 6);
    assert_eq!(app.runs().len(), 6);
    let mut tx = site.pool.begin().await.unwrap();
    let waiting = site.queue.waiting::<Act>(&mut tx).await.unwrap();
    let left = waiting.iter().filter(|job| job.queue == site.name);
    assert_eq!(left.map(|job| job.attempts).collect::<Vec<_>>(), [0, 0]);
    drop(tx);
    assert_eq!(drain(6).await.unwrap().done, 2);
}

async fn a_drain_runs_only_the_queues_it_is_told<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let other = format!("{}-other", site.name);
    let here = site.enqueue(Act::Done).await;
    let there = site.enqueue_with(Act::Done, Options::new().queue(other.clone())).await;
    let which = Drain::new().queue(other);
    let drained = site.worker(&app).register::<Act>().drain_with(which).await.unwrap();
    assert_eq!(drained.done, 1);
    assert_eq!(site.job(here).await.state, JobState::Ready);
    assert_eq!(site.job(there).await.state, JobState::Done);
}

async fn a_drain_may_run_ahead_of_the_clock<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let at = site.clock.now() + Duration::from_secs(3600);
    let soon = site.enqueue_with(Act::FailOnce, site.options().run_at(at)).await;
    let late =
        site.enqueue_with(Act::Done, site.options().run_at(at + Duration::from_secs(3600))).await;
    let which = Drain::new().scheduled_until(at);
    let drained = site.worker(&app).register::<Act>().drain_with(which).await.unwrap();
    assert_eq!((drained.failed, drained.done), (1, 1));
    assert_eq!(site.job(soon).await.state, JobState::Done);
    assert_eq!(site.job(late).await.state, JobState::Scheduled);
}

/// Two steps and a completion, on a connection that may be to any database.
#[derive(Serialize, Deserialize)]
struct Book {
    /// Not stored: a worker would not see it.
    #[serde(skip)]
    unstored: bool,
}

impl Job for Book {
    const KIND: &'static str = "book";
    fn options() -> Options {
        Options::new().queue("books").max_attempts(3)
    }
}

impl Run<sqlx::SqlitePool> for Book {
    async fn run(self, cx: JobContext<'_, sqlx::SqlitePool>) -> JobResult {
        assert!(!self.unstored, "arguments go through JSON");
        if cx.is_cancelled() {
            return Ok(Outcome::snooze(Duration::ZERO));
        }
        if cx.is_last_attempt() {
            return Ok(Outcome::dead(format!("in {} of {:?}", cx.info().queue, cx.tenant())));
        }
        let mut tx = cx.context().begin().await?;
        if let Step::Open(step) = cx.step::<u8>(&mut *tx, "write").await? {
            sqlx::query("insert into effects values ('book', 'x')").execute(&mut *tx).await?;
            step.record(&mut *tx, &1).await?;
        }
        let receipt = cx.complete(&mut *tx).await?;
        tx.commit().await?;
        Ok(Outcome::completed(receipt))
    }
}

/// No table of the queue's is there.
#[tokio::test]
async fn a_handler_runs_by_hand_without_a_queue() {
    let db = saas_testkit::sqlite().await;
    sqlx::query("create table effects (job text, note text)").execute(&db.pool).await.unwrap();
    let book = || Book { unstored: true };
    let outcome = testing::run(book(), &db.pool).await.unwrap();
    assert_eq!(outcome.name(), "completed");
    let effects =
        sqlx::query_scalar::<_, i64>("select count(*) from effects").fetch_one(&db.pool).await;
    assert_eq!(effects.unwrap(), 1);

    let (id, tenant) = (JobId::new(), TenantId::new());
    let outcome = testing::run(book(), &db.pool).id(id).attempt(3).tenant(tenant).await.unwrap();
    assert_eq!(outcome, Outcome::dead(format!("in books of {:?}", Some(tenant))));
    let outcome = testing::run(book(), &db.pool).cancelled().await.unwrap();
    assert_eq!(outcome, Outcome::snooze(Duration::ZERO));
}

/// A type to be sure that a worker may be drained in a task.
#[tokio::test]
async fn what_a_test_awaits_may_be_spawned() {
    let db = saas_testkit::sqlite().await;
    let mut conn = db.pool.acquire().await.unwrap();
    saas_jobs::migrate::<sqlx::Sqlite>(&mut conn).await.unwrap();
    drop(conn);
    let queue = Queue::<sqlx::Sqlite>::new();
    let worker = Worker::new(db.pool.clone(), queue, db.pool.clone()).register::<Book>();
    assert_eq!(tokio::spawn(worker.drain()).await.unwrap().unwrap(), Drained::default());
}
