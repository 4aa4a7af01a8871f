//! Who runs a job, and what becomes of it when a worker stops or dies.

use super::*;

on_every_database! {
    false:
        each_job_runs_once,
        two_workers_never_run_the_same_job_at_once,
        a_dead_workers_jobs_are_taken_back_and_its_results_do_not_count,
        a_stopping_worker_gives_back_what_it_has_not_begun,
        a_job_that_overruns_the_grace_is_given_back_with_its_attempt_counted,
        a_handler_is_told_to_come_to_an_end,
        a_dropped_worker_stops,
        two_jobs_of_one_kind_are_refused;
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

async fn two_jobs_of_one_kind_are_refused<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let worker = site.worker(&app).register::<GreetV1>().register::<GreetV2>();
    let error = worker.run_until(std::future::pending()).await.unwrap_err();
    assert_eq!(error.to_string(), "the kind `greet` is registered twice");
}
