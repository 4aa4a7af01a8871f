//! Handlers that slip up where nobody looks, and settings that nobody means.

use std::fmt;
use std::time::Duration;

use saas_core::TenantId;
use saas_jobs::{
    Backend, Error, Job, JobContext, JobResult, JobState, Limit, Options, Outcome, Policy, Run,
    Unique, Worker,
};
use serde::{Deserialize, Serialize};

use crate::jobs::{Act, App};
use crate::site::{Site, effect};

on_every_database! {
    false:
        a_panic_anywhere_in_a_handler_costs_an_attempt_and_no_slot,
        a_job_is_completed_once_however_often_its_handler_asks,
        a_worker_that_is_told_times_without_end_works_and_stops,
        a_key_whose_job_cannot_be_stored_stays_free,
        lanes_that_a_limit_blocks_leave_their_slots_to_others,
        a_cap_lets_the_next_begin_as_soon_as_one_has_ended,
        one_connection_is_enough_for_a_worker_with_a_limit;
}

#[derive(Debug, Serialize, Deserialize)]
enum Slip {
    /// Its future panics when it is dropped.
    Drop,
    /// Its error panics when it is shown.
    Error,
    /// It completes its job in two transactions.
    Twice(String),
    /// Its error is in no letters that everybody has.
    Strange,
}

impl Job for Slip {
    const KIND: &'static str = "slip";
    fn options() -> Options {
        Options::new().max_attempts(1)
    }
    fn policy() -> Policy {
        Policy::new().timeout(Duration::from_secs(2))
    }
}

struct Trap;

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("sprung");
    }
}

#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("lost for words")
    }
}

impl std::error::Error for Unspeakable {}

impl<DB: Backend> Run<App<DB>> for Slip {
    async fn run(self, cx: JobContext<'_, App<DB>>) -> JobResult {
        match self {
            Self::Drop => {
                let _trap = Trap;
                std::future::pending().await
            }
            Self::Error => Err(Unspeakable.into()),
            Self::Strange => Err("what is \u{6f22}?".into()),
            Self::Twice(note) => {
                let app = cx.context();
                let mut receipts = Vec::new();
                for _ in 0..2 {
                    let mut tx = app.pool.begin_with(crate::site::begin::<DB>()).await?;
                    effect::<DB>(&mut tx, cx.job_id(), &note, app.how).await?;
                    let completed = cx.complete(&mut *tx).await;
                    // A careless handler: the database must not let it.
                    let committed = tx.commit().await;
                    match completed {
                        Ok(receipt) => receipts.push(receipt),
                        Err(error) => {
                            let refused = matches!(error, Error::LeaseLost { .. });
                            app.notes
                                .errors
                                .lock()
                                .unwrap()
                                .push(format!("{refused} {committed:?}"));
                        }
                    }
                }
                Ok(Outcome::completed(receipts.remove(0)))
            }
        }
    }
}

async fn a_panic_anywhere_in_a_handler_costs_an_attempt_and_no_slot<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    // What a panic prints takes a busy machine longer than the lease of other tests.
    let lease = Duration::from_secs(30);
    let worker = site.worker(&app).lease(lease).concurrency(2);
    let worker = worker.register::<Slip>().register::<Act>();
    let worker = tokio::spawn(worker.run_until(async move { drop(stopped.await) }));
    for (slip, said) in [
        (Slip::Drop, "sprung"),
        (Slip::Drop, "sprung"),
        (Slip::Error, "words"),
        (Slip::Error, "words"),
    ] {
        let id = site.enqueue_with(slip, site.options()).await;
        let status = site.until(id, JobState::Dead).await;
        let error = status.last_error.unwrap().error;
        assert!(error.starts_with("panicked: ") && error.contains(said), "{error}");
    }
    let after = site.enqueue(Act::Done).await;
    site.until(after, JobState::Done).await;
    stop.send(()).unwrap();
    worker.await.unwrap().unwrap();
}

async fn a_job_is_completed_once_however_often_its_handler_asks<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue_with(Slip::Twice(site.name.clone()), site.options()).await;
    assert_eq!(site.worker(&app).register::<Slip>().drain().await.unwrap().done, 1);
    assert_eq!(site.job(id).await.state, JobState::Done);
    assert_eq!(site.effects(&site.name).await, 1);
    let errors = app.notes.errors.lock().unwrap().clone();
    assert!(matches!(&errors[..], [error] if error.starts_with("true ")), "{errors:?}");
}

async fn a_worker_that_is_told_times_without_end_works_and_stops<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = Worker::new(site.pool.clone(), site.queue.clone(), app)
        .queue(site.name.clone())
        .lease(Duration::MAX)
        .grace(Duration::MAX)
        .poll(Duration::from_millis(10), Duration::MAX)
        .limit(Limit::new(site.name.clone()).rate(1, Duration::MAX))
        .register::<Act>();
    let limited = || site.options().limit(site.name.clone());
    let first = site.enqueue_with(Act::Done, limited()).await;
    let second = site.enqueue_with(Act::Done, limited()).await;
    let worker = tokio::spawn(worker.run_until(async move { drop(stopped.await) }));
    site.until(first, JobState::Done).await;
    let free = site.enqueue(Act::Done).await;
    site.queue.wake();
    site.until(free, JobState::Done).await;
    assert_eq!(site.job(second).await.state, JobState::Ready, "one in so long a time");
    stop.send(()).unwrap();
    worker.await.unwrap().unwrap();
}

/// Arguments that do not serialize.
#[derive(Deserialize)]
struct Mute;

impl Serialize for Mute {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

impl Job for Mute {
    const KIND: &'static str = "act";
}

async fn a_key_whose_job_cannot_be_stored_stays_free<DB: Backend>(site: &Site<DB>) {
    let unique = Unique::key(site.name.clone()).for_period(Duration::from_secs(3600));
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    let refused = site.queue.enqueue_unique(&mut tx, &unique, Mute, site.options()).await;
    assert!(matches!(refused, Err(Error::Arguments { .. })), "{refused:?}");
    tx.commit().await.unwrap();
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    let stored = site.queue.enqueue_unique(&mut tx, &unique, Act::Done, site.options()).await;
    assert!(stored.unwrap().is_new());
}

async fn lanes_that_a_limit_blocks_leave_their_slots_to_others<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let (open, closed) = (format!("{} open", site.name), format!("{} closed", site.name));
    // First in order, and all of them blocked, by a limit that is told and by one that is not.
    let mut free = Vec::new();
    for _ in 0..3 {
        free.push(site.enqueue_with(Act::Done, site.options().limit(open.clone())).await);
    }
    for n in 0..40 {
        let limit = if n % 2 == 0 { closed.clone() } else { format!("{} untold", site.name) };
        let options = site.options().limit(limit).tenant(TenantId::new());
        site.enqueue_with(Act::Done, options).await;
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = site
        .worker(&app)
        .concurrency(1)
        .limit(Limit::new(open).at_once(1))
        .limit(Limit::new(closed).at_once(0))
        .register::<Act>();
    let worker = tokio::spawn(worker.run_until(async move { drop(stopped.await) }));
    for id in free {
        site.until(id, JobState::Done).await;
    }
    stop.send(()).unwrap();
    worker.await.unwrap().unwrap();
    assert_eq!(app.runs().len(), 3);
}

async fn a_cap_lets_the_next_begin_as_soon_as_one_has_ended<DB: Backend>(site: &Site<DB>) {
    const RARELY: Duration = Duration::from_secs(60);
    let app = App::new(&site.pool, &site.queue);
    let mut last = None;
    for _ in 0..20 {
        let options = site.options().limit(site.name.clone());
        last = Some(site.enqueue_with(Act::Done, options).await);
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    // Nobody tells it when to look, but the jobs that end.
    let worker = site
        .worker(&app)
        .poll(RARELY, RARELY)
        .limit(Limit::new(site.name.clone()).at_once(1))
        .register::<Act>();
    let worker = tokio::spawn(worker.run_until(async move { drop(stopped.await) }));
    site.until(last.unwrap(), JobState::Done).await;
    stop.send(()).unwrap();
    worker.await.unwrap().unwrap();
}

async fn one_connection_is_enough_for_a_worker_with_a_limit<DB: Backend>(site: &Site<DB>) {
    let connect = (*site.pool.connect_options()).clone();
    let pool = site.pool.options().clone().max_connections(1).connect_lazy_with(connect);
    let app = App::new(&pool, &site.queue);
    let id = site.enqueue_with(Act::Done, site.options().limit(site.name.clone())).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = Worker::new(pool, site.queue.clone(), app)
        .queue(site.name.clone())
        .limit(Limit::new(site.name.clone()).at_once(1))
        .register::<Act>();
    let worker = tokio::spawn(worker.run_until(async move { drop(stopped.await) }));
    site.until(id, JobState::Done).await;
    stop.send(()).unwrap();
    worker.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_in_letters_that_the_database_has_not_is_recorded_beside_others() {
    let site = crate::site::latin1().await;
    let app = App::new(&site.pool, &site.queue);
    let strange = site.enqueue_with(Slip::Strange, site.options()).await;
    let other = site.enqueue(Act::Done).await;
    let drained = site.worker(&app).register::<Slip>().register::<Act>().drain().await.unwrap();
    assert_eq!((drained.dead, drained.done), (1, 1));
    let status = site.job(strange).await;
    assert_eq!(status.last_error.unwrap().error, "what is \\u{6f22}?");
    assert_eq!(site.job(other).await.state, JobState::Done);
    site.end().await;
}
