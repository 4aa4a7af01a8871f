//! A database with the queue's tables, and rounds in it that begin alike.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::try_join_all;
use saas_jobs::{Options, Queue, Worker};
use sqlx::{PgPool, Postgres};

use super::cpu::Cpu;
use super::{CHUNK, Left, Nothing};
use crate::Result;
use crate::database::Database;

/// As many connections as a pool has that nobody has told otherwise.
pub(super) const POOL: u32 = 10;

pub(super) struct Site {
    pub(super) database: Database,
    pub(super) pool: PgPool,
}

/// What a round of enqueuing and draining came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    /// Jobs drained in a second.
    pub(super) rate: f64,
    /// Bytes of log per job, from enqueuing to done.
    pub(super) wal: f64,
    /// Microseconds of all processors per drained job, of this process and the database's.
    pub(super) cpu: f64,
}

impl Site {
    pub(super) async fn new() -> Result<Self> {
        let database = Database::fresh().await;
        saas_jobs::migrate::<Postgres>(&mut *database.owner.acquire().await?).await?;
        saas_jobs::grant(&mut *database.owner.acquire().await?, &database.role).await?;
        Ok(Self { pool: database.app(POOL).await?, database })
    }

    pub(super) async fn remove(self) -> Result<()> {
        drop(self.pool);
        self.database.remove().await
    }

    pub(super) async fn round(
        &self,
        jobs: usize,
        enqueue: impl AsyncFnOnce() -> Result<()>,
        drain: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<Round> {
        // Each begins in the same state, whoever was last, and drains with statistics of what there is:
        // the loop by hand keeps a plan that it made for empty tables.
        let tables = "vacuum analyze saas.jobs, saas.jobs_ready, saas.jobs_lease, saas.jobs_done";
        self.database.set_up(tables).await?;
        let before = self.written().await?;
        enqueue().await?;
        let enqueued = self.written().await? - before;
        self.database.set_up("analyze saas.jobs, saas.jobs_ready").await?;
        let before = self.written().await?;
        let (begun, used) = (Instant::now(), Cpu::used()?);
        drain().await?;
        let (took, used) = (begun.elapsed(), Cpu::used()?.since(used));
        let wal = (enqueued + self.written().await? - before) as f64 / jobs as f64;
        self.check().await?;
        let per_job = 1e6 / jobs as f64;
        Ok(Round { rate: jobs as f64 / took.as_secs_f64(), wal, cpu: used.seconds() * per_job })
    }

    /// Stores jobs by thousands.
    pub(super) async fn enqueue(&self, jobs: usize, options: Options) -> Result<()> {
        let queue = Queue::<Postgres>::new();
        for _ in 0..jobs / CHUNK {
            let jobs = (0..CHUNK).map(|n| Nothing { n });
            let mut tx = self.pool.begin().await?;
            queue.enqueue_many(&mut tx, jobs, options.clone()).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// From the start of so many workers to their end, when everything is recorded. Each has a pool
    /// of its own, as a process has.
    pub(super) async fn drain(&self, jobs: usize, pools: &[PgPool]) -> Result<()> {
        let left = Left::of(jobs);
        let work = |pool: &PgPool| {
            let worker = Worker::new(pool.clone(), Queue::new(), Arc::clone(&left));
            worker.register::<Nothing>().run_until(left.none())
        };
        try_join_all(pools.iter().map(work)).await?;
        Ok(())
    }

    /// The position in the write-ahead log, in bytes.
    pub(super) async fn written(&self) -> Result<i64> {
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
