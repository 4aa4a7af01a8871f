//! A worker outlives its connections.

use std::sync::Arc;
use std::time::Duration;

use saas_jobs::{JobState, Queue};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

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

/// Stands before a database. Connections that freeze stay open and carry nothing any more.
struct Line {
    port: u16,
    /// Connections before this one are frozen.
    frozen: watch::Sender<usize>,
    count: Arc<std::sync::atomic::AtomicUsize>,
}

impl Line {
    async fn to(options: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (frozen, count) = (watch::Sender::new(0), Arc::default());
        let line = Self { port, frozen, count };
        let (frozen, count) = (line.frozen.clone(), Arc::clone(&line.count));
        let (host, port) = (options.get_host().to_owned(), options.get_port());
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let mut far = TcpStream::connect((host.as_str(), port)).await.unwrap();
                let mut frozen = frozen.subscribe();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => return,
                        () = async { drop(frozen.wait_for(|frozen| number < *frozen).await) } => {}
                    }
                    // Neither end is told.
                    std::future::pending::<()>().await;
                });
            }
        });
        line
    }

    fn freeze(&self) {
        self.frozen.send_replace(self.count.load(std::sync::atomic::Ordering::Relaxed));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_a_worker_goes_on_after_every_connection_froze() {
    let site = site::postgres(false).await;
    let options: PgConnectOptions = site.url().parse().unwrap();
    let line = Line::to(&options).await;
    let pool =
        PgPoolOptions::new().connect_with(options.host("127.0.0.1").port(line.port)).await.unwrap();
    // A queue of its own: what this process enqueues must be found by polling.
    let app = App::new(&pool, &Queue::new());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = saas_jobs::Worker::new(pool.clone(), Queue::new(), app)
        .queue(site.name.clone())
        .register::<Act>()
        .run_until(async move { drop(stopped.await) });
    let worker = tokio::spawn(worker);
    let recorded = site.enqueue(Act::Sleep(300)).await;
    site.until(recorded, JobState::Running).await;
    line.freeze();
    let claimed = site.enqueue(Act::Done).await;
    site.until(recorded, JobState::Done).await;
    site.until(claimed, JobState::Done).await;
    // No lease was lost: both ran once.
    assert_eq!((site.job(recorded).await.attempt, site.job(claimed).await.attempt), (1, 1));
    stop.send(()).unwrap();
    worker.await.unwrap().unwrap();
    site.end().await;
}
