//! How jobs come in, and in which order they go out.

use super::*;

on_every_database! {
    false:
        a_job_exists_if_the_callers_transaction_commits,
        many_jobs_are_stored_in_and_out_of_a_transaction,
        a_job_under_a_given_id_is_stored_once,
        a_job_is_known_to_its_own_tenant_only,
        stats_count_by_queue;
    true:
        a_scheduled_job_waits_for_its_time,
        urgent_jobs_come_first_and_older_ones_before_younger;
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
