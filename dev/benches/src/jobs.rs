//! How fast a worker with its defaults drains a backlog, and what a job costs the write-ahead log,
//! against a loop over the same tables by hand.

mod by_hand;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use saas_jobs::{Job, JobContext, JobResult, Options, Outcome, Queue, Run, Worker};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres};
use tokio::sync::Notify;

use crate::database::Database;
use crate::measure::{Turns, in_turns};
use crate::{Result, Size};

/// How many jobs are stored at once.
const CHUNK: usize = 1000;

/// How many connections the loop by hand works on: as many as a worker does.
const LOOPS: usize = 2;

/// Its arguments are small, since their size is the application's and counts for both sides.
#[derive(Debug, Serialize, Deserialize)]
struct Nothing {
    n: usize,
}

impl Job for Nothing {
    const KIND: &'static str = "nothing";
}

/// How many jobs are left to run.
struct Left {
    jobs: AtomicUsize,
    none: Notify,
}

impl Run<Arc<Left>> for Nothing {
    async fn run(self, cx: JobContext<'_, Arc<Left>>) -> JobResult {
        if cx.context().jobs.fetch_sub(1, Ordering::Relaxed) == 1 {
            cx.context().none.notify_one();
        }
        Ok(Outcome::done())
    }
}

pub(crate) async fn run(size: Size) -> Result<()> {
    let database = Database::fresh().await;
    saas_jobs::migrate::<Postgres>(&mut *database.owner.acquire().await?).await?;
    saas_jobs::grant(&mut *database.owner.acquire().await?, &database.role).await?;
    let jobs = size.pick(200_000, 50_000);
    eprintln!("jobs: {jobs} a round");
    let bench = Bench { pool: database.app(5).await?, database, jobs };
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    in_turns(
        9,
        async |_| {
            let (rate, bytes) =
                bench.round(async || bench.enqueue().await, async || bench.drain().await).await?;
            ours.push(bytes);
            Ok(rate)
        },
        async |_| {
            let (pool, chunks) = (&bench.pool, jobs / CHUNK);
            let enqueue = async || by_hand::enqueue(pool, chunks, CHUNK).await;
            let (rate, bytes) =
                bench.round(enqueue, async || by_hand::drain(pool, LOOPS).await).await?;
            by_hand.push(bytes);
            Ok(rate)
        },
    )
    .await?
    .report("jobs/drain", "jobs_per_second", "1/s")?;
    // Without the rounds that warmed up.
    Turns::new(ours.split_off(1), by_hand.split_off(1)).report(
        "jobs/wal_bytes",
        "wal_per_job",
        "B",
    )?;
    drop(bench.pool);
    bench.database.remove().await
}

struct Bench {
    database: Database,
    pool: PgPool,
    jobs: usize,
}

impl Bench {
    /// Jobs drained per second, and bytes of log per job from enqueuing to done.
    async fn round(
        &self,
        enqueue: impl AsyncFnOnce() -> Result<()>,
        drain: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<(f64, f64)> {
        // Each begins in the same state, whoever was last. Without statistics of its own making the
        // loop by hand keeps the plan that it made for empty tables.
        let tables = "vacuum analyze saas.jobs, saas.jobs_ready, saas.jobs_lease, saas.jobs_done";
        self.database.set_up(tables).await?;
        let jobs = self.jobs as f64;
        let before = self.written().await?;
        enqueue().await?;
        let begun = Instant::now();
        drain().await?;
        let rate = jobs / begun.elapsed().as_secs_f64();
        let bytes = (self.written().await? - before) as f64 / jobs;
        self.check().await?;
        Ok((rate, bytes))
    }

    async fn enqueue(&self) -> Result<()> {
        let queue = Queue::<Postgres>::new();
        for _ in 0..self.jobs / CHUNK {
            let jobs = (0..CHUNK).map(|n| Nothing { n });
            let mut tx = self.pool.begin().await?;
            queue.enqueue_many(&mut tx, jobs, Options::new()).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// From the start of a worker to its end, when everything is recorded.
    async fn drain(&self) -> Result<()> {
        let left = Arc::new(Left { jobs: AtomicUsize::new(self.jobs), none: Notify::new() });
        let worker = Worker::new(self.pool.clone(), Queue::new(), Arc::clone(&left));
        worker.register::<Nothing>().run_until(left.none.notified()).await?;
        Ok(())
    }

    /// The position in the write-ahead log, in bytes.
    async fn written(&self) -> Result<i64> {
        let position = "select (pg_current_wal_lsn() - '0/0')::bigint";
        Ok(sqlx::query_scalar(position).fetch_one(&self.pool).await?)
    }

    /// Nothing is left, whoever drained.
    async fn check(&self) -> Result<()> {
        let left = "
            select (select count(*) from saas.jobs_ready) + (select count(*) from saas.jobs_lease)
                + (select count(*) from saas.jobs_later) + (select count(*) from saas.jobs_dead)";
        let left: i64 = sqlx::query_scalar(left).fetch_one(&self.pool).await?;
        if left == 0 { Ok(()) } else { Err(format!("{left} rows are left behind").into()) }
    }
}
