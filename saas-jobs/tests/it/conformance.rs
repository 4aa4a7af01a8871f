//! What holds on every database.

use std::time::Duration;

use saas_core::TenantId;
use saas_jobs::{Backend, Error, Job, JobId, JobState};
use tokio::sync::oneshot;

use crate::jobs::{Act, App, Brief, GreetV1, GreetV2};
use crate::site::Site;

on_every_database! {
    false:
        a_job_exists_if_the_callers_transaction_commits,
        many_jobs_are_stored_in_and_out_of_a_transaction,
        a_job_under_a_given_id_is_stored_once,
        each_job_runs_once,
        two_workers_never_run_the_same_job_at_once,
        a_dead_workers_jobs_are_taken_back_and_its_results_do_not_count,
        a_completion_after_the_lease_was_lost_cannot_commit,
        a_stopping_worker_gives_back_what_it_has_not_begun,
        a_job_that_overruns_the_grace_is_given_back_with_its_attempt_counted,
        a_handler_is_told_to_come_to_an_end,
        a_dropped_worker_stops,
        a_job_is_known_to_its_own_tenant_only,
        two_jobs_of_one_kind_are_refused,
        stats_count_by_queue;
    true:
        a_failed_job_is_tried_again_after_its_backoff,
        a_job_is_dead_after_its_last_attempt,
        a_scheduled_job_waits_for_its_time,
        urgent_jobs_come_first_and_older_ones_before_younger,
        a_panic_is_a_failure,
        a_timeout_is_a_failure,
        malformed_arguments_go_to_the_dead_letters,
        an_unknown_kind_waits_for_a_worker_that_knows_it,
        old_arguments_are_upcast_and_newer_ones_wait,
        snoozed_cancelled_and_dead_jobs_say_so,
        a_job_completes_with_its_handlers_transaction,
        a_completion_that_rolled_back_is_a_failure,
        a_job_that_was_completed_stays_so_whatever_its_handler_says;
}

async fn a_job_exists_if_the_callers_transaction_commits<DB: Backend>(site: &Site<DB>) {
    let mut tx = site.pool.begin().await.unwrap();
    let id = site.queue.enqueue_with(&mut tx, Act::Done, site.options()).await.unwrap();
    assert_eq!(site.queue.job(&mut tx, id, None).await.unwrap().unwrap().state, JobState::Ready);
    tx.rollback().await.unwrap();
    let mut tx = site.pool.begin().await.unwrap();
    assert_eq!(site.queue.job(&mut tx, id, None).await.unwrap(), None);
    let id = site.queue.enqueue_with(&mut tx, Act::Done, site.options()).await.unwrap();
    tx.commit().await.unwrap();
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt, status.kind.as_str()), (JobState::Ready, 0, "act"));
    assert!(status.created_at.is_some());
}

async fn many_jobs_are_stored_in_and_out_of_a_transaction<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let tenant = TenantId::new();
    let mut ids = Vec::new();
    for (count, delay) in [(0, false), (1, false), (3, true), (150, false), (150, true)] {
        let mut options = site.options().tenant(tenant);
        if delay {
            options = options.delay(Duration::from_millis(1));
        }
        let jobs = (0..count).map(|_| Act::Done);
        let mut tx = site.pool.begin().await.unwrap();
        ids.extend(site.queue.enqueue_many(&mut tx, jobs, options.clone()).await.unwrap());
        tx.commit().await.unwrap();
        if app.how == saas_core::sql::Statements::Named {
            let jobs = (0..count).map(|_| Act::Done);
            let mut conn = site.pool.acquire().await.unwrap();
            ids.extend(site.queue.enqueue_many(&mut conn, jobs, options).await.unwrap());
        }
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    let drained = site.worker(&app).register::<Act>().drain().await.unwrap();
    let mut ran: Vec<_> = app
        .runs()
        .into_iter()
        .map(|(id, attempt, of)| {
            assert_eq!((attempt, of), (1, Some(tenant)));
            id
        })
        .collect();
    assert_eq!(drained.done, ran.len());
    ran.sort_unstable();
    ids.sort_unstable();
    assert_eq!(ran, ids);
}

async fn a_job_under_a_given_id_is_stored_once<DB: Backend>(site: &Site<DB>) {
    let id = JobId::new();
    for expected in [true, false] {
        let mut tx = site.pool.begin().await.unwrap();
        let new = site.queue.enqueue_as(&mut tx, id, Act::Done, site.options()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(new, expected);
    }
    let app = App::new(&site.pool, &site.queue);
    assert_eq!(site.worker(&app).register::<Act>().drain().await.unwrap().done, 1);
    // Not even when it is done.
    let mut tx = site.pool.begin().await.unwrap();
    assert!(!site.queue.enqueue_as(&mut tx, id, Act::Done, site.options()).await.unwrap());
}

/// Starts a worker; the sender stops it.
fn start<DB: Backend>(
    worker: saas_jobs::Worker<DB, App<DB>>,
) -> (oneshot::Sender<()>, tokio::task::JoinHandle<Result<(), Error>>) {
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(worker.run_until(async move {
        let _ = stopped.await;
    }));
    (stop, running)
}

async fn each_job_runs_once<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let mut tx = site.pool.begin().await.unwrap();
    let mut ids = site
        .queue
        .enqueue_many(&mut tx, (0..2000).map(|_| Act::Done), site.options())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let (stop, worker) = start(site.worker(&app).register::<Act>());
    let last = site.enqueue(Act::Done).await;
    site.queue.wake();
    ids.push(last);
    for id in [ids[0], ids[1000], last] {
        let status = site.until(id, JobState::Done).await;
        assert_eq!((status.attempt, status.last_error), (1, None));
    }
    stop.send(()).unwrap();
    worker.await.unwrap().unwrap();
    let mut ran: Vec<_> = app.runs().into_iter().map(|run| run.0).collect();
    ran.sort_unstable();
    assert_eq!(ran, ids);
    for id in ids {
        assert_eq!(site.job(id).await.state, JobState::Done);
    }
}

async fn two_workers_never_run_the_same_job_at_once<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let workers = [
        start(site.worker(&app).concurrency(7).register::<Act>()),
        start(site.worker(&app).concurrency(5).register::<Act>()),
    ];
    let mut ids = Vec::new();
    for _ in 0..10 {
        let mut tx = site.pool.begin().await.unwrap();
        let jobs = (0..30).map(|n| Act::Sleep(n % 5));
        ids.extend(site.queue.enqueue_many(&mut tx, jobs, site.options()).await.unwrap());
        tx.commit().await.unwrap();
        site.queue.wake();
    }
    for id in &ids {
        site.until(*id, JobState::Done).await;
    }
    for (stop, worker) in workers {
        stop.send(()).unwrap();
        worker.await.unwrap().unwrap();
    }
    assert_eq!(app.runs().len(), ids.len());
    assert_eq!(*app.notes.overlaps.lock().unwrap(), 0);
}

/// What another worker does when this one has not renewed its lease.
async fn end_epoch<DB: Backend>(site: &Site<DB>, name: &str) {
    let sql = if DB::DIALECT == saas_core::schema::Dialect::Postgres {
        "delete from saas.jobs_worker where name = "
    } else {
        "delete from saas_jobs_worker where name = "
    };
    assert_eq!(site.run(sql, Some(name.to_owned())).await, 1);
}

async fn runs<DB: Backend>(app: &App<DB>, count: usize) {
    for _ in 0..1000 {
        if app.runs().len() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("there were {} runs, not {count}", app.runs().len());
}

async fn a_dead_workers_jobs_are_taken_back_and_its_results_do_not_count<DB: Backend>(
    site: &Site<DB>,
) {
    let app = App::new(&site.pool, &site.queue);
    let slow = site.worker(&app).name(site.name.clone()).lease(Duration::from_secs(60));
    let (stop_slow, slow) = start(slow.register::<Act>());
    let held = site.enqueue(Act::Hold).await;
    let quick = site.enqueue(Act::FailOnce).await;
    runs(&app, 2).await;
    assert_eq!(site.until(held, JobState::Running).await.attempt, 1);
    // The batch is half done: what is recorded of it is not taken back.
    site.until(quick, JobState::Scheduled).await;
    end_epoch(site, &site.name).await;
    let (stop, other) = start(site.worker(&app).register::<Act>());
    runs(&app, 3).await;
    assert_eq!(app.runs()[2].0, held);
    assert_eq!(app.runs()[2].1, 2);
    // Now both hold it. Let both end: only the second counts.
    app.notes.gate.add_permits(2);
    let status = site.until(held, JobState::Done).await;
    assert_eq!(status.attempt, 2);
    assert!(status.last_error.unwrap().error.contains("died"));
    assert_eq!(site.job(quick).await.attempt, 1);
    for (stop, worker) in [(stop_slow, slow), (stop, other)] {
        stop.send(()).unwrap();
        worker.await.unwrap().unwrap();
    }
    assert_eq!(app.runs().len(), 3);
    assert_eq!(site.job(held).await.state, JobState::Done);
}

async fn a_completion_after_the_lease_was_lost_cannot_commit<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let slow = site.worker(&app).name(site.name.clone()).lease(Duration::from_secs(60));
    let (stop_slow, slow) = start(slow.register::<Act>());
    let id = site.enqueue(Act::HoldComplete(site.name.clone())).await;
    runs(&app, 1).await;
    end_epoch(site, &site.name).await;
    let (stop, other) = start(site.worker(&app).register::<Act>());
    runs(&app, 2).await;
    app.notes.gate.add_permits(2);
    site.until(id, JobState::Done).await;
    for _ in 0..500 {
        if !app.notes.errors.lock().unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for (stop, worker) in [(stop_slow, slow), (stop, other)] {
        stop.send(()).unwrap();
        worker.await.unwrap().unwrap();
    }
    let errors = app.notes.errors.lock().unwrap().clone();
    assert_eq!(errors, [format!("the lease of job {id} was lost")]);
    assert_eq!(site.effects(&site.name).await, 1);
}

async fn a_stopping_worker_gives_back_what_it_has_not_begun<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    // Quick ones first, so that the worker claims ahead.
    for _ in 0..64 {
        site.enqueue(Act::Done).await;
    }
    let (stop, worker) = start(site.worker(&app).concurrency(2).register::<Act>());
    runs(&app, 64).await;
    let mut tx = site.pool.begin().await.unwrap();
    let jobs = (0..40).map(|_| Act::EndOnStop);
    let ids = site.queue.enqueue_many(&mut tx, jobs, site.options()).await.unwrap();
    tx.commit().await.unwrap();
    site.queue.wake();
    runs(&app, 66).await;
    stop.send(()).unwrap();
    worker.await.unwrap().unwrap();
    let mut states = Vec::new();
    for id in ids {
        let status = site.job(id).await;
        states.push((status.state, status.attempt, status.last_error));
    }
    assert_eq!(states.iter().filter(|state| **state == (JobState::Done, 1, None)).count(), 2);
    assert_eq!(states.iter().filter(|state| **state == (JobState::Ready, 0, None)).count(), 38);
}

async fn a_job_that_overruns_the_grace_is_given_back_with_its_attempt_counted<DB: Backend>(
    site: &Site<DB>,
) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(Act::Overrun).await;
    let (stop, worker) =
        start(site.worker(&app).grace(Duration::from_millis(50)).register::<Act>());
    runs(&app, 1).await;
    stop.send(()).unwrap();
    worker.await.unwrap().unwrap();
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt), (JobState::Ready, 1));
    assert!(status.last_error.unwrap().error.contains("abandoned"));
}

async fn a_handler_is_told_to_come_to_an_end<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(Act::WaitForStop).await;
    let (stop, worker) = start(site.worker(&app).register::<Act>());
    runs(&app, 1).await;
    stop.send(()).unwrap();
    worker.await.unwrap().unwrap();
    assert_eq!(site.job(id).await.last_error.unwrap().error, "told to stop");
}

async fn a_dropped_worker_stops<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(Act::WaitForStop).await;
    let worker = site.worker(&app).register::<Act>();
    let running = tokio::spawn(worker.run_until(std::future::pending()));
    runs(&app, 1).await;
    running.abort();
    for _ in 0..500 {
        if site.job(id).await.last_error.is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the worker goes on");
}

async fn a_job_is_known_to_its_own_tenant_only<DB: Backend>(site: &Site<DB>) {
    let (ours, theirs) = (TenantId::new(), TenantId::new());
    let id = site.enqueue_with(Act::Done, site.options().tenant(ours)).await;
    let nobodys = site.enqueue(Act::Done).await;
    let mut tx = site.pool.begin().await.unwrap();
    let status = site.queue.job(&mut tx, id, Some(ours)).await.unwrap().unwrap();
    assert_eq!((status.id, status.tenant), (id, Some(ours)));
    assert_eq!(site.queue.job(&mut tx, id, Some(theirs)).await.unwrap(), None);
    assert_eq!(site.queue.job(&mut tx, nobodys, Some(ours)).await.unwrap(), None);
    assert_eq!(site.queue.job(&mut tx, JobId::new(), None).await.unwrap(), None);
}

async fn two_jobs_of_one_kind_are_refused<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let worker = site.worker(&app).register::<GreetV1>().register::<GreetV2>();
    let error = worker.run_until(std::future::pending()).await.unwrap_err();
    assert_eq!(error.to_string(), "the kind `greet` is registered twice");
}

async fn stats_count_by_queue<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    site.enqueue(Act::Dead).await;
    site.worker(&app).register::<Act>().drain().await.unwrap();
    site.enqueue(Act::Hold).await;
    let (stop, worker) = start(site.worker(&app).concurrency(1).register::<Act>());
    runs(&app, 2).await;
    let first = site.enqueue(Act::Done).await;
    site.enqueue(Act::Done).await;
    site.enqueue_with(Act::Done, site.options().delay(Duration::from_secs(600))).await;
    let mut tx = site.pool.begin().await.unwrap();
    let stats = site.queue.stats(&mut tx).await.unwrap();
    let ours = stats.iter().find(|stats| stats.queue == site.name).unwrap();
    assert_eq!((ours.ready, ours.scheduled, ours.running, ours.dead), (2, 1, 1, 1));
    assert_eq!(ours.oldest, first.created_at());
    tx.rollback().await.unwrap();
    stop.send(()).unwrap();
    app.notes.gate.add_permits(1);
    worker.await.unwrap().unwrap();
}

/// Runs what is due.
async fn drain<DB: Backend>(site: &Site<DB>, app: &App<DB>) -> (usize, usize) {
    let worker = site.worker(app).register::<Act>().register::<Brief>();
    let drained = worker.drain().await.unwrap();
    (drained.done, drained.failed)
}

async fn a_failed_job_is_tried_again_after_its_backoff<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(Act::FailOnce).await;
    assert_eq!(drain(site, &app).await, (0, 1));
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt), (JobState::Scheduled, 1));
    assert_eq!(status.last_error.unwrap().error, "not the first time\u{fffd}");
    site.clock.advance(Duration::from_millis(9_999));
    assert_eq!(drain(site, &app).await, (0, 0));
    site.clock.advance(Duration::from_millis(1));
    assert_eq!(drain(site, &app).await, (1, 0));
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt), (JobState::Done, 2));
    assert_eq!(status.last_error.unwrap().attempt, 1);
}

async fn a_job_is_dead_after_its_last_attempt<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue_with(Act::Fail, site.options().max_attempts(3)).await;
    for _ in 0..5 {
        drain(site, &app).await;
        site.clock.advance(Duration::from_secs(3600));
    }
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt, status.max_attempts), (JobState::Dead, 3, 3));
    assert_eq!(status.reason.as_deref(), Some("it is broken"));
    assert_eq!(status.last_error.unwrap().attempt, 3);
    assert_eq!(app.runs().len(), 3);
}

async fn a_scheduled_job_waits_for_its_time<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let at = saas_core::Clock::now(&*site.clock) + chrono::TimeDelta::hours(2);
    let id = site.enqueue_with(Act::Done, site.options().run_at(at)).await;
    assert_eq!(drain(site, &app).await, (0, 0));
    let status = site.job(id).await;
    assert_eq!((status.state, status.run_at), (JobState::Scheduled, Some(at)));
    let mut tx = site.pool.begin().await.unwrap();
    assert_eq!(site.queue.enqueued::<Act>(&mut tx).await.unwrap(), [Act::Done]);
    tx.rollback().await.unwrap();
    site.clock.advance(Duration::from_secs(7200));
    assert_eq!(drain(site, &app).await, (1, 0));
}

async fn urgent_jobs_come_first_and_older_ones_before_younger<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let mut ids = Vec::new();
    for priority in [4, 2, 1, 3, 2, 1] {
        ids.push(site.enqueue_with(Act::Done, site.options().priority(priority)).await);
    }
    drain(site, &app).await;
    let ran: Vec<_> = app.runs().into_iter().map(|run| run.0).collect();
    assert_eq!(ran, [ids[2], ids[5], ids[1], ids[4], ids[3], ids[0]]);
}

async fn a_panic_is_a_failure<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(Act::Panic).await;
    assert_eq!(drain(site, &app).await, (0, 1));
    assert_eq!(site.job(id).await.last_error.unwrap().error, "panicked: out of order");
}

async fn a_timeout_is_a_failure<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(Brief).await;
    assert_eq!(drain(site, &app).await, (0, 1));
    assert_eq!(site.job(id).await.last_error.unwrap().error, "timed out after 50ms");
    site.clock.advance(Duration::from_secs(4));
    drain(site, &app).await;
    assert_eq!(site.job(id).await.state, JobState::Dead);
}

/// Claims to be what it is not.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Impostor {
    nonsense: bool,
}

impl Job for Impostor {
    const KIND: &'static str = Act::KIND;
}

async fn malformed_arguments_go_to_the_dead_letters<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(Impostor { nonsense: true }).await;
    drain(site, &app).await;
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt), (JobState::Dead, 1));
    let reason = status.reason.unwrap();
    assert!(reason.contains("malformed arguments: unknown variant `nonsense`"), "{reason}");
}

async fn an_unknown_kind_waits_for_a_worker_that_knows_it<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(GreetV1 { name: "Ada".into() }).await;
    for _ in 0..3 {
        let drained = site.worker(&app).register::<Act>().drain().await.unwrap();
        assert_eq!((drained.done, drained.snoozed), (0, 1));
        let status = site.job(id).await;
        assert_eq!((status.state, status.attempt), (JobState::Scheduled, 0));
        site.clock.advance(Duration::from_secs(31));
    }
    assert_eq!(site.worker(&app).register::<GreetV1>().drain().await.unwrap().done, 1);
}

async fn old_arguments_are_upcast_and_newer_ones_wait<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let old = site.enqueue(GreetV1 { name: "Ada".into() }).await;
    let lost = site.enqueue(GreetV1 { name: "nobody".into() }).await;
    let new = site.enqueue(GreetV2 { names: vec!["Ada".into()] }).await;
    site.worker(&app).register::<GreetV2>().drain().await.unwrap();
    assert_eq!(site.job(old).await.state, JobState::Done);
    assert_eq!(site.job(new).await.state, JobState::Done);
    let reason = site.job(lost).await.reason.unwrap();
    assert_eq!(reason, "malformed arguments: nobody cannot be greeted");
    let new = site.enqueue(GreetV2 { names: vec![] }).await;
    site.worker(&app).register::<GreetV1>().drain().await.unwrap();
    let status = site.job(new).await;
    assert_eq!((status.state, status.attempt), (JobState::Scheduled, 0));
}

async fn snoozed_cancelled_and_dead_jobs_say_so<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let snoozed = site.enqueue(Act::Snooze).await;
    drain(site, &app).await;
    let status = site.job(snoozed).await;
    assert_eq!((status.state, status.attempt, status.last_error), (JobState::Scheduled, 0, None));
    let cancelled = site.enqueue(Act::Cancel).await;
    let dead = site.enqueue(Act::Dead).await;
    site.clock.advance(Duration::from_secs(60));
    drain(site, &app).await;
    assert_eq!(site.job(snoozed).await.state, JobState::Done);
    let status = site.job(cancelled).await;
    assert_eq!(
        (status.state, status.reason.as_deref()),
        (JobState::Cancelled, Some("nobody wants it"))
    );
    let status = site.job(dead).await;
    assert_eq!(
        (status.state, status.reason.as_deref()),
        (JobState::Dead, Some("it makes no sense"))
    );
}

async fn a_job_completes_with_its_handlers_transaction<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let note = site.name.clone();
    let id = site.enqueue(Act::Complete(note.clone())).await;
    assert_eq!(drain(site, &app).await, (1, 0));
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt), (JobState::Done, 1));
    assert_eq!(site.effects(&note).await, 1);
    site.clock.advance(Duration::from_secs(3600));
    assert_eq!(drain(site, &app).await, (0, 0));
}

async fn a_completion_that_rolled_back_is_a_failure<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let note = site.name.clone();
    let id = site.enqueue(Act::RollBack(note.clone())).await;
    drain(site, &app).await;
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt), (JobState::Scheduled, 1));
    assert!(status.last_error.unwrap().error.contains("did not commit"));
    assert_eq!(site.effects(&note).await, 0);
    site.clock.advance(Duration::from_secs(3600));
    drain(site, &app).await;
    assert_eq!(site.job(id).await.state, JobState::Done);
    assert_eq!(site.effects(&note).await, 1);
}

async fn a_job_that_was_completed_stays_so_whatever_its_handler_says<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let note = site.name.clone();
    let id = site.enqueue(Act::CompleteAndFail(note.clone())).await;
    for _ in 0..3 {
        drain(site, &app).await;
        site.clock.advance(Duration::from_secs(3600));
    }
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt), (JobState::Done, 1));
    assert_eq!(site.effects(&note).await, 1);
    assert_eq!(app.runs().len(), 1);
}
