//! Ours, with its defaults. What it is asked is what the programs are asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use saas_jobs::{Job, JobContext, JobResult, Options, Outcome, Queue, Run, Worker};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::round::Contender;
use crate::Result;
use crate::database::Database;

/// Jobs that have begun are in no other table until they are recorded.
pub(super) const UNFINISHED: &str = "select exists (select from saas.jobs_lease)";

/// How many jobs are enqueued with one call, as by the others.
const CHUNK: usize = 1000;

#[derive(Debug, Serialize, Deserialize)]
struct Nothing {
    n: usize,
}

impl Job for Nothing {
    const KIND: &'static str = "nothing";
}

impl Run<Arc<Runs>> for Nothing {
    async fn run(self, cx: JobContext<'_, Arc<Runs>>) -> JobResult {
        cx.context().ran();
        Ok(Outcome::done())
    }
}

pub(super) struct Ours {
    pool: PgPool,
    /// It notifies, and it is not the worker's, which is therefore woken as one of another process.
    queue: Queue<Postgres>,
    direct: String,
    runs: Arc<Runs>,
    worker: Option<Working>,
}

struct Working {
    stop: Arc<Notify>,
    task: JoinHandle<std::result::Result<(), saas_jobs::Error>>,
}

impl Ours {
    pub(super) async fn open(database: &Database) -> Result<Self> {
        saas_jobs::migrate::<Postgres>(&mut *database.owner.acquire().await?).await?;
        saas_jobs::grant(&mut *database.owner.acquire().await?, &database.role).await?;
        let pool = database.app(12).await?;
        let queue = Queue::new().notify(pool.clone());
        Ok(Self { pool, queue, direct: database.url(), runs: Arc::default(), worker: None })
    }

    fn start(&mut self) -> Result<()> {
        let worker = Worker::new(self.pool.clone(), Queue::new(), Arc::clone(&self.runs));
        let worker = worker.register::<Nothing>().listen(self.direct.parse()?);
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(worker.run_until(async move { stopped.notified().await }));
        self.worker = Some(Working { stop, task });
        Ok(())
    }

    async fn enqueue(&self, n: usize) -> Result<()> {
        self.queue.enqueue(&mut *self.pool.acquire().await?, Nothing { n }).await?;
        self.queue.wake();
        Ok(())
    }
}

impl Contender for Ours {
    async fn bulk(&mut self, jobs: usize) -> Result<()> {
        for _ in 0..jobs / CHUNK {
            let chunk = (0..CHUNK).map(|n| Nothing { n });
            let mut conn = self.pool.acquire().await?;
            self.queue.enqueue_many(&mut *conn, chunk, Options::new()).await?;
            self.queue.wake();
        }
        Ok(())
    }

    async fn single(&mut self, jobs: usize, at_once: usize) -> Result<()> {
        let numbers = stream::iter((0..jobs).map(Ok));
        numbers.try_for_each_concurrent(at_once, |n| self.enqueue(n)).await
    }

    async fn drain(&mut self, jobs: usize) -> Result<()> {
        self.runs.expect(jobs);
        self.start()?;
        self.runs.over().await.map(drop)
    }

    async fn latency(&mut self, jobs: usize) -> Result<Vec<f64>> {
        self.start()?;
        let one = async |n| {
            self.runs.expect(1);
            self.enqueue(n).await?;
            let committed = Instant::now();
            let began = self.runs.over().await?;
            // Until all is idle again, and never in step with anything that polls.
            tokio::time::sleep(Duration::from_millis(15 + n as u64 % 10)).await;
            Ok(began.saturating_duration_since(committed).as_secs_f64() * 1e6)
        };
        stream::iter(0..jobs).then(one).try_collect().await
    }

    async fn stop(&mut self) -> Result<()> {
        let Working { stop, task } = self.worker.take().ok_or("no worker")?;
        stop.notify_one();
        Ok(task.await??)
    }
}

/// What handlers have done.
#[derive(Debug, Default)]
struct Runs {
    left: AtomicUsize,
    last: Mutex<Option<Instant>>,
    none: Notify,
}

impl Runs {
    fn expect(&self, jobs: usize) {
        self.left.store(jobs, Ordering::SeqCst);
    }

    fn ran(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            self.none.notify_one();
        }
    }

    /// When the last of them began.
    async fn over(&self) -> Result<Instant> {
        timeout(Duration::from_secs(300), self.none.notified()).await?;
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(last.ok_or("none has begun")?)
    }
}
