//! One round of one queue: everything that is measured of it, by the same code whoever it is.

use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

use crate::Result;
use crate::database::Database;
use crate::peer::Peer;

/// What is measured, and in which unit.
pub(super) const METRICS: [(&str, &str); 7] = [
    ("drain", "1/s"),
    ("drain_pinned", "of the drain without a pinned snapshot"),
    ("bulk_enqueue", "1/s"),
    ("single_enqueue", "1/s, 10 at once"),
    ("wal_per_job", "B"),
    ("latency_p50", "ms from commit to start"),
    ("latency_p99", "ms from commit to start"),
];

/// The value of each metric.
pub(super) type Sample = [f64; METRICS.len()];

/// A queue in an empty database.
pub(super) trait Contender: Sized {
    /// Enqueues so many jobs that do nothing, many at a time.
    async fn bulk(&mut self, jobs: usize) -> Result<()>;
    /// So many, each on its own, so many at once.
    async fn single(&mut self, jobs: usize, at_once: usize) -> Result<()>;
    /// Starts a worker, and waits until so many jobs have begun.
    async fn drain(&mut self, jobs: usize) -> Result<()>;
    /// Starts a worker, and enqueues so many jobs one after another: the microseconds from each
    /// one's commit to its start.
    async fn latency(&mut self, jobs: usize) -> Result<Vec<f64>>;
    /// Ends the worker.
    async fn stop(&mut self) -> Result<()>;
}

/// How many jobs are measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    /// In the drains, a multiple of a thousand.
    pub(super) jobs: usize,
    /// That are enqueued each on its own.
    pub(super) alone: usize,
    /// Whose latency is taken.
    pub(super) late: usize,
}

impl Round {
    /// Measures the queue that `open` gives; `unfinished` tells whether a job that has begun is not
    /// recorded yet.
    pub(super) async fn of<C: Contender>(
        self,
        name: &str,
        unfinished: &'static str,
        open: impl AsyncFn(&Database) -> Result<C>,
    ) -> Result<Sample> {
        let mut place = Place::new(unfinished, &open).await?;
        let (bulk, drain, bytes) = place.backlog(self.jobs).await?;
        let begun = Instant::now();
        place.queue.single(self.alone, 10).await?;
        let single = self.alone as f64 / begun.elapsed().as_secs_f64();
        place.drain(self.alone).await?;
        let late = place.queue.latency(SETTLING + self.late).await?.split_off(SETTLING);
        place.queue.stop().await?;
        place.remove().await?;

        let mut place = Place::new(unfinished, &open).await?;
        let mut snapshot = place.database.owner.acquire().await?;
        let pin = "begin isolation level repeatable read; select 1 from pg_class limit 1";
        sqlx::raw_sql(pin).execute(&mut *snapshot).await?;
        let (_, pinned, _) = place.backlog(self.jobs).await?;
        sqlx::raw_sql("rollback").execute(&mut *snapshot).await?;
        drop(snapshot);
        place.remove().await?;

        eprintln!(
            "{name}: drain {drain:.0}/s, pinned {pinned:.0}/s, bulk {bulk:.0}/s, single {single:.0}/s, {bytes:.0} B a job"
        );
        let [p50, p99] = percentiles(late);
        Ok([drain, pinned / drain, bulk, single, bytes, p50, p99])
    }
}

/// How many jobs go before those whose latency counts: until then the worker is not at rest.
const SETTLING: usize = 20;

/// Milliseconds at the middle, and that one in a hundred exceeds.
fn percentiles(mut micros: Vec<f64>) -> [f64; 2] {
    micros.sort_unstable_by(f64::total_cmp);
    [50, 99].map(|percent| micros[(micros.len() - 1) * percent / 100] / 1e3)
}

/// A queue and its database.
struct Place<C> {
    database: Database,
    queue: C,
    unfinished: &'static str,
}

impl<C: Contender> Place<C> {
    /// A queue that has been at work, after a checkpoint: each begins in the same state, whoever was
    /// last.
    async fn new(
        unfinished: &'static str,
        open: &impl AsyncFn(&Database) -> Result<C>,
    ) -> Result<Self> {
        let database = Database::fresh().await;
        let queue = open(&database).await?;
        let mut place = Self { database, queue, unfinished };
        place.queue.bulk(1000).await?;
        place.drain(1000).await?;
        place.database.set_up("vacuum analyze").await?;
        let superuser = saas_testkit::required("TEST_POSTGRES_SUPERUSER_URL", "postgres");
        let mut conn = PgConnection::connect(&superuser).await?;
        sqlx::raw_sql("checkpoint").execute(&mut conn).await?;
        conn.close().await?;
        Ok(place)
    }

    /// How fast so many jobs are enqueued and drained, and how many bytes of log each costs.
    async fn backlog(&mut self, jobs: usize) -> Result<(f64, f64, f64)> {
        let before = self.written().await?;
        let begun = Instant::now();
        self.queue.bulk(jobs).await?;
        let enqueued = jobs as f64 / begun.elapsed().as_secs_f64();
        let between = self.written().await?;
        // As autovacuum would before long: some plan badly for a backlog that they do not know of.
        self.database.set_up("analyze").await?;
        let resumed = self.written().await?;
        let drained = self.drain(jobs).await?;
        let bytes = self.written().await? - resumed + between - before;
        Ok((enqueued, drained, bytes as f64 / jobs as f64))
    }

    /// Jobs per second, from the start of a worker until the last of them is recorded.
    async fn drain(&mut self, jobs: usize) -> Result<f64> {
        let begun = Instant::now();
        self.queue.drain(jobs).await?;
        while sqlx::query_scalar(self.unfinished).fetch_one(&self.database.owner).await? {
            if begun.elapsed() > Duration::from_secs(600) {
                return Err("jobs that have begun do not end".into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let rate = jobs as f64 / begun.elapsed().as_secs_f64();
        self.queue.stop().await?;
        Ok(rate)
    }

    /// The position in the write-ahead log, in bytes.
    async fn written(&self) -> Result<i64> {
        let position = "select (pg_current_wal_lsn() - '0/0')::bigint";
        Ok(sqlx::query_scalar(position).fetch_one(&self.database.owner).await?)
    }

    async fn remove(self) -> Result<()> {
        // It has connections.
        drop(self.queue);
        self.database.remove().await
    }
}

/// A program, see `dev/peers/queues/src/lib.rs`.
impl Contender for Peer {
    async fn bulk(&mut self, jobs: usize) -> Result<()> {
        done(self.ask(&format!("bulk {jobs}"))?)
    }

    async fn single(&mut self, jobs: usize, at_once: usize) -> Result<()> {
        done(self.ask(&format!("single {jobs} {at_once}"))?)
    }

    async fn drain(&mut self, jobs: usize) -> Result<()> {
        done(self.ask(&format!("drain {jobs}"))?)
    }

    async fn latency(&mut self, jobs: usize) -> Result<Vec<f64>> {
        let times = self.ask(&format!("latency {jobs}"))?;
        Ok(times.split(' ').map(str::parse).collect::<std::result::Result<_, _>>()?)
    }

    async fn stop(&mut self) -> Result<()> {
        done(self.ask("stop")?)
    }
}

fn done(answer: String) -> Result<()> {
    if answer == "done" { Ok(()) } else { Err(answer.into()) }
}
