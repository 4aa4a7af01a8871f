//! Real processes, really killed.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use saas_core::sql::Statements;
use saas_jobs::{Backend, JobState, Worker};
use sqlx::Pool;

use crate::jobs::{Act, App};
use crate::site::{self, Site};

/// Names the database and the queue for the process below.
const CHILD: &str = "SAAS_JOBS_TEST_CHILD";

/// Not a test by itself: the worker process that the tests below start and kill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_process() {
    let Ok(child) = std::env::var(CHILD) else { return };
    let (url, queue) = child.split_once('|').unwrap();
    if url.starts_with("postgres") {
        work(sqlx::PgPool::connect(url).await.unwrap(), queue).await;
    } else {
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(url)
            .busy_timeout(Duration::from_secs(10))
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
        work(sqlx::SqlitePool::connect_with(options).await.unwrap(), queue).await;
    }
}

async fn work<DB: Backend>(pool: Pool<DB>, queue: &str) {
    let jobs = saas_jobs::Queue::new();
    let app = App { pool: pool.clone(), how: Statements::Named, notes: std::sync::Arc::default() };
    let worker = Worker::new(pool, jobs, app).queue(queue).concurrency(8).register::<Act>();
    worker.run_until(std::future::pending()).await.unwrap();
}

struct Process(Child);

impl Process {
    fn start(url: &str, queue: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::worker_process", "--exact", "--nocapture"])
            .env(CHILD, format!("{url}|{queue}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Kills workers in the middle of their work, with the lease of production.
async fn no_job_is_lost_and_no_effect_doubled<DB: Backend>(site: &Site<DB>, url: &str) {
    let mut ids = Vec::new();
    for round in 0..4 {
        let mut tx = site.pool.begin().await.unwrap();
        let quick = (0..200).map(|_| Act::Complete(site.name.clone()));
        ids.extend(site.queue.enqueue_many(&mut tx, quick, site.options()).await.unwrap());
        tx.commit().await.unwrap();
        let process = Process::start(url, &site.name);
        let begun = Instant::now();
        while site.effects(&site.name).await < 200 * round + 20 && begun.elapsed().as_secs() < 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        process.kill();
    }
    // A long one, killed in the middle: how long until somebody else begins it?
    let held = site.enqueue_with(Act::Overrun, site.options().priority(1)).await;
    let process = Process::start(url, &site.name);
    site.until(held, JobState::Running).await;
    let second = Process::start(url, &site.name);
    tokio::time::sleep(Duration::from_secs(1)).await;
    process.kill();
    let killed = Instant::now();
    while site.job(held).await.attempt < 2 || site.job(held).await.state != JobState::Running {
        assert!(killed.elapsed() < Duration::from_secs(15), "{:?}", site.job(held).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for id in &ids {
        site.until(*id, JobState::Done).await;
    }
    second.kill();
    assert_eq!(site.effects(&site.name).await, ids.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_killed_workers_lose_no_job_and_double_no_effect_on_postgres() {
    let site = site::postgres(false).await;
    let url = site.url();
    no_job_is_lost_and_no_effect_doubled(&site, &url).await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_killed_workers_lose_no_job_and_double_no_effect_on_sqlite() {
    let site = site::sqlite(false).await;
    let url = site.url();
    no_job_is_lost_and_no_effect_doubled(&site, &url).await;
    site.end().await;
}
