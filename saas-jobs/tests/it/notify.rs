//! Workers of other processes hear of jobs at once, if they listen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use saas_jobs::{Job, JobContext, JobResult, Outcome, Queue, Run, Worker};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgListener};
use sqlx::{PgPool, Postgres};
use tokio::sync::mpsc;

use crate::site::{self, Site};

#[derive(Serialize, Deserialize)]
struct Ping;

impl Job for Ping {
    const KIND: &'static str = "ping";
}

type Started = mpsc::UnboundedSender<Instant>;

impl Run<Started> for Ping {
    async fn run(self, cx: JobContext<'_, Started>) -> JobResult {
        cx.context().send(Instant::now())?;
        Ok(Outcome::done())
    }
}

/// A worker with a queue of its own, as in another process, that hardly ever polls.
struct Other {
    started: mpsc::UnboundedReceiver<Instant>,
    stop: tokio::sync::oneshot::Sender<()>,
    worker: tokio::task::JoinHandle<Result<(), saas_jobs::Error>>,
}

impl Other {
    async fn listening(site: &Site<Postgres>, direct: PgConnectOptions) -> Self {
        let (sender, started) = mpsc::unbounded_channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let queue = Queue::<Postgres>::new();
        let worker = Worker::new(site.pool.clone(), queue, sender)
            .queue(site.name.clone())
            .poll(Duration::from_secs(20), Duration::from_secs(20))
            .register::<Ping>()
            .listen(direct);
        let worker = tokio::spawn(worker.run_until(async {
            let _ = stopped.await;
        }));
        Self { started, stop, worker }
    }

    /// When a job that is enqueued and notified now was started, from its commit on.
    async fn start(&mut self, site: &Site<Postgres>, queue: &Queue<Postgres>) -> Duration {
        let mut tx = site.pool.begin().await.unwrap();
        queue.enqueue_with(&mut tx, Ping, site.options()).await.unwrap();
        tx.commit().await.unwrap();
        let committed = Instant::now();
        queue.wake();
        self.started.recv().await.unwrap().duration_since(committed)
    }

    /// Waits until jobs are started by notification.
    async fn warm(&mut self, site: &Site<Postgres>, queue: &Queue<Postgres>) {
        let mut quick = 0;
        while quick < 3 {
            let took = self.start(site, queue).await;
            quick = if took < Duration::from_secs(1) { quick + 1 } else { 0 };
        }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.worker.await.unwrap().unwrap();
    }
}

async fn direct(pool: &PgPool) -> PgConnectOptions {
    (*pool.connect_options()).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_elsewhere_starts_what_it_is_notified_of() {
    let site = site::postgres(false).await;
    let queue = Queue::new().notify(site.pool.clone());
    let mut other = Other::listening(&site, direct(&site.pool).await).await;
    other.warm(&site, &queue).await;
    // Beside each, a bare notification: what cannot be undercut.
    let mut bare = PgListener::connect_with(&site.pool).await.unwrap();
    bare.listen("bare").await.unwrap();
    let (mut floor, mut took) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        took.push(other.start(&site, &queue).await);
        tokio::time::sleep(Duration::from_millis(30)).await;
        let begun = Instant::now();
        sqlx::raw_sql("notify bare").execute(&site.pool).await.unwrap();
        bare.recv().await.unwrap();
        floor.push(begun.elapsed());
    }
    let figures = [&mut floor, &mut took].map(|times| {
        times.sort_unstable();
        (times[100], times[198])
    });
    // The pool is not closed before it is given back.
    drop(bare);
    println!("p50 and p99 of a bare notification, and from commit to start: {figures:?}");
    assert!(figures[1].0 < Duration::from_millis(100), "{figures:?}");
    other.stop().await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_whose_connection_was_cut_hears_again() {
    let site = site::postgres(true).await;
    let queue = Queue::new().notify(site.pool.clone());
    let name = format!("listener of {}", site.name);
    let mut other = Other::listening(&site, direct(&site.pool).await.application_name(&name)).await;
    other.warm(&site, &queue).await;
    for _ in 0..2 {
        let cut =
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1";
        let cut: Vec<bool> =
            sqlx::query_scalar(cut).bind(&name).fetch_all(&site.pool).await.unwrap();
        assert_eq!(cut, [true]);
        other.warm(&site, &queue).await;
    }
    other.stop().await;
    site.end().await;
}

/// Also the worker stops while nobody is there to listen to.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_cannot_listen_finds_jobs_by_polling() {
    let site = site::postgres(false).await;
    let nowhere = direct(&site.pool).await.port(1);
    let mut other = Other::listening(&site, nowhere).await;
    let mut tx = site.pool.begin().await.unwrap();
    site.queue.enqueue_with(&mut tx, Ping, site.options()).await.unwrap();
    tx.commit().await.unwrap();
    // Its first look, or its first poll.
    other.started.recv().await.unwrap();
    other.stop().await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_wake_ups_are_few_notifications_and_none_is_in_the_callers_transaction() {
    let site = site::postgres(true).await;
    let queue = Arc::new(Queue::new().notify(site.pool.clone()));
    let mut listener = PgListener::connect_with(&site.pool).await.unwrap();
    listener.listen("saas_jobs").await.unwrap();
    let mut tx = site.pool.begin().await.unwrap();
    queue.enqueue_with(&mut tx, Ping, site.options()).await.unwrap();
    let begun = Instant::now();
    for _ in 0..2000 {
        queue.wake();
        tokio::task::yield_now().await;
    }
    // Heard though the transaction is open still.
    let first = listener.recv().await.unwrap();
    assert_eq!((first.channel(), first.payload()), ("saas_jobs", ""));
    let mut heard = 1;
    while tokio::time::timeout(Duration::from_millis(100), listener.recv()).await.is_ok() {
        heard += 1;
    }
    let most = begun.elapsed().as_millis() / 10 + 2;
    assert!(heard <= most, "{heard} in {:?}", begun.elapsed());
    tx.rollback().await.unwrap();
    drop(listener);
    site.end().await;
}
