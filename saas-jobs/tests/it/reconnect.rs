//! A worker outlives its connections.

use std::time::Duration;

use saas_jobs::JobState;

use crate::jobs::{Act, App};
use crate::site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_goes_on_after_every_connection_was_cut() {
    let site = site::postgres(true).await;
    let app = App::new(&site.pool, &site.queue);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = site.worker(&app).register::<Act>().concurrency(4);
    let worker = tokio::spawn(worker.run_until(async move {
        let _ = stopped.await;
    }));
    let mut ids = Vec::new();
    for round in 0..6 {
        let mut tx = site.pool.begin().await.unwrap();
        let jobs = (0..100).map(|n| {
            if n % 10 == 0 { Act::Complete(site.name.clone()) } else { Act::Sleep(n % 3) }
        });
        ids.extend(site.queue.enqueue_many(&mut tx, jobs, site.options()).await.unwrap());
        tx.commit().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20 + 13 * round)).await;
        let mut conn = site.pool.acquire().await.unwrap();
        let _ = sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and usename = current_user and pid <> pg_backend_pid()",
        )
        .execute(&mut *conn)
        .await;
    }
    let mut failed = 0;
    for id in &ids {
        for _ in 0..1500 {
            let status = site.job(*id).await;
            // A handler that was cut off in its transaction failed, and is tried again.
            if status.state == JobState::Done || status.last_error.is_some() {
                failed += usize::from(status.state != JobState::Done);
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    for _ in 0..3 {
        site.clock.advance(Duration::from_secs(3600));
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    for id in &ids {
        site.until(*id, JobState::Done).await;
    }
    assert_eq!(site.effects(&site.name).await, 60, "{failed} were tried again");
    stop.send(()).unwrap();
    worker.await.unwrap().unwrap();
    site.end().await;
}
