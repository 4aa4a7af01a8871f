//! The worker process.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use saas_core::sql::Statements;
use saas_jobs::{Backend, Queue, Worker};
use saas_testkit::{Signal, signal, sqlite_options};
use serde::{Deserialize, Serialize};
use sqlx::Pool;
use sqlx::pool::PoolOptions;
use tokio::signal::unix::{SignalKind, signal as hear};

use super::deed::{Deed, Hands};
use super::ledger::Pen;

/// Where the process finds its orders.
const ORDERS: &str = "SAAS_JOBS_TEST_WORKER";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) url: String,
    pub(super) unnamed: bool,
    pub(super) queue: String,
    pub(super) folder: PathBuf,
    pub(super) concurrency: u32,
    pub(super) lease: Duration,
    pub(super) grace: Duration,
}

/// Not a test by itself: the process that the tests start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process() {
    let Ok(orders) = std::env::var(ORDERS) else { return };
    let orders: Orders = serde_json::from_str(&orders).unwrap();
    // Each handler has a connection, beside those of the worker.
    let size = orders.concurrency + 4;
    if orders.url.starts_with("postgres") {
        // As patient as pools are that nobody has told otherwise: the worker must not be.
        let pool = PoolOptions::new().max_connections(size);
        work::<sqlx::Postgres>(pool.connect_lazy(&orders.url).unwrap(), orders).await;
    } else {
        // A heart that waits for the write lock must try again before its lease ends.
        let options = sqlite_options(orders.url.as_ref()).busy_timeout(orders.lease / 3);
        let pool = PoolOptions::new().max_connections(size).connect_lazy_with(options);
        work::<sqlx::Sqlite>(pool, orders).await;
    }
}

async fn work<DB: Backend>(pool: Pool<DB>, orders: Orders) {
    let mut terminated = hear(SignalKind::terminate()).unwrap();
    let mut jobs = Queue::new();
    let mut how = Statements::Named;
    if orders.unnamed {
        (jobs, how) = (jobs.unnamed(), Statements::Unnamed);
    }
    let pen = Pen::new(&orders.folder);
    let (queue, folder) = (orders.queue.clone(), orders.folder);
    let hands = Hands { pool: pool.clone(), how, queue, folder, pen };
    let worker = Worker::new(pool, jobs, hands)
        .queue(orders.queue)
        .concurrency(orders.concurrency.try_into().unwrap())
        .lease(orders.lease)
        .grace(orders.grace)
        .register::<Deed>();
    let stop = async move {
        terminated.recv().await;
    };
    worker.run_until(stop).await.unwrap();
}

/// A worker process as its test sees it.
pub(super) struct Process {
    child: Child,
    grace: Duration,
}

impl Process {
    pub(super) fn start(orders: &Orders) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["processes::child::process", "--exact", "--nocapture"])
            .env(ORDERS, serde_json::to_string(orders).unwrap())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, grace: orders.grace }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The worker's name in the database.
    pub(super) fn name(&self) -> String {
        format!("pid {}", self.id())
    }

    pub(super) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(super) fn signal(&mut self, which: Signal) {
        signal(&mut self.child, which);
    }

    /// SIGKILL.
    pub(super) fn kill(mut self) {
        assert!(self.is_alive(), "a worker ended by itself");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, on which it ends in peace and in time. Tells how long that took.
    pub(super) async fn stop(mut self) -> Duration {
        assert!(self.is_alive(), "a worker ended by itself");
        let told = Instant::now();
        self.signal(Signal::TERM);
        while self.is_alive() {
            // What it takes to record outcomes and to sign off comes on top.
            assert!(told.elapsed() < self.grace + Duration::from_secs(5), "it does not stop");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
        told.elapsed()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
