//! The same drain in a SQLite file, against the same statements by hand, with either wait for the
//! disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use saas_jobs::{Options, Queue, Worker};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, Sqlite, SqliteConnection, SqlitePool};
use uuid::Uuid;

use super::{CHUNK, Left, Nothing};
use crate::measure::in_turns;
use crate::{Result, Size};

pub(super) async fn run(size: Size) -> Result<()> {
    let jobs = size.pick(100_000, 20_000);
    for (metric, wait) in [
        ("jobs_per_second_normal", SqliteSynchronous::Normal),
        ("jobs_per_second_full", SqliteSynchronous::Full),
    ] {
        eprintln!("jobs/sqlite: {jobs} a round");
        let file = saas_testkit::sqlite().await;
        let options = SqliteConnectOptions::new()
            .filename(&file.path)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(wait)
            .busy_timeout(Duration::from_secs(10));
        let pool =
            SqlitePoolOptions::new().test_before_acquire(false).connect_with(options).await?;
        saas_jobs::migrate::<Sqlite>(&mut *pool.acquire().await?).await?;
        in_turns(
            size.pick(5, 3),
            async |_| {
                enqueue(&pool, jobs).await?;
                let left = Left::of(jobs);
                let worker = Worker::new(pool.clone(), Queue::<Sqlite>::new(), Arc::clone(&left));
                let begun = Instant::now();
                worker.register::<Nothing>().run_until(left.none()).await?;
                Ok(jobs as f64 / begun.elapsed().as_secs_f64())
            },
            async |_| {
                enqueue(&pool, jobs).await?;
                let begun = Instant::now();
                let mut conn = pool.acquire().await?;
                while batch(&mut conn).await? > 0 {}
                Ok(jobs as f64 / begun.elapsed().as_secs_f64())
            },
        )
        .await?
        .report("jobs/sqlite", metric, "1/s")?;
        pool.close().await;
    }
    Ok(())
}

async fn enqueue(pool: &SqlitePool, jobs: usize) -> Result<()> {
    let queue = Queue::<Sqlite>::new();
    for _ in 0..jobs / CHUNK {
        let mut tx = pool.begin().await?;
        let jobs = (0..CHUNK).map(|n| Nothing { n });
        queue.enqueue_many(&mut tx, jobs, Options::new()).await?;
        tx.commit().await?;
    }
    Ok(())
}

const READ: &str = "
    select r.id, r.attempt, j.kind, j.args from (
        select id, attempt from saas_jobs_ready
        where queue = 'default' and lane = 0 and priority = 2 order by id limit 512
    ) r join saas_jobs j on j.id = r.id order by r.id";

const TAKE: &str = "
    delete from saas_jobs_ready where queue = 'default' and lane = 0 and priority = 2 and id <= ?1";

const LEASE: &str = "insert into saas_jobs_lease (lease_id, worker_id, ids) values (?1, ?2, ?3)";

const NOTE: &str = "insert into saas_jobs_done (lease_id, finished_at, state) values (?1, 0, 1)";

const CLOSE: &str = "delete from saas_jobs_lease where lease_id = ?1";

/// Claims a batch and records it, in two transactions; how many jobs it was.
async fn batch(conn: &mut SqliteConnection) -> Result<usize> {
    let lease = Uuid::now_v7();
    sqlx::query("begin immediate").execute(&mut *conn).await?;
    let rows = sqlx::query(READ).fetch_all(&mut *conn).await?;
    let mut ids = Vec::with_capacity(16 * rows.len());
    for row in &rows {
        let (id, _): (Uuid, i64) = (row.try_get(0)?, row.try_get(1)?);
        let (_, _): (&str, &str) = (row.try_get(2)?, row.try_get(3)?);
        ids.extend_from_slice(id.as_bytes());
    }
    if let Some(last) = rows.last() {
        let last: Uuid = last.try_get(0)?;
        sqlx::query(TAKE).bind(last).execute(&mut *conn).await?;
        sqlx::query(LEASE).bind(lease).bind(Uuid::nil()).bind(ids).execute(&mut *conn).await?;
        sqlx::query("commit").execute(&mut *conn).await?;
        sqlx::query("begin immediate").execute(&mut *conn).await?;
        sqlx::query(NOTE).bind(lease).execute(&mut *conn).await?;
        sqlx::query(CLOSE).bind(lease).execute(&mut *conn).await?;
    }
    sqlx::query("commit").execute(&mut *conn).await?;
    Ok(rows.len())
}
