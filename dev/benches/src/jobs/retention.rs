//! What it costs to clear jobs that ended long ago, a thousand at a time as workers do it, against the
//! bare DELETE; and what it would cost every other statement if their table were partitioned, so that
//! old jobs could be dropped instead.

use std::time::{Duration, Instant};

use saas_jobs::{Queue, Retention, Worker};
use sqlx::PgPool;
use uuid::Uuid;

use super::CHUNK;
use super::cpu::Cpu;
use super::site::Site;
use crate::measure::{Turns, in_turns};
use crate::{Result, Size};

pub(super) async fn run(site: &Site, size: Size) -> Result<()> {
    let jobs = size.pick(100_000, 20_000);
    eprintln!("jobs/retention: {jobs} a round");
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    in_turns(
        size.pick(5, 3),
        async |_| cleared(site, jobs, &mut ours, async || clear(site, jobs).await).await,
        async |_| cleared(site, jobs, &mut bare, async || delete(site, jobs).await).await,
    )
    .await?
    .report("jobs/retention", "cpu_per_job", "us")?;
    Turns::new(ours, bare).report("jobs/retention", "wal_per_job", "B")?;
    site.database.set_up(TABLES).await?;
    let pool = &site.database.owner;
    for (metric, plain, partitioned, write) in [
        ("partitioned_enqueue", INTO_PLAIN, INTO_PARTITIONED, true),
        ("partitioned_read", OF_PLAIN, OF_PARTITIONED, false),
    ] {
        let ids: Vec<Vec<Uuid>> = (0..size.pick(200, 50))
            .map(|_| (0..if write { CHUNK } else { 512 }).map(|_| Uuid::now_v7()).collect())
            .collect();
        if !write {
            for ids in &ids {
                for statement in [INTO_PLAIN, INTO_PARTITIONED] {
                    sqlx::query(statement).bind(ids).execute(pool).await?;
                }
            }
            site.database.set_up("vacuum analyze plain, partitioned").await?;
        }
        in_turns(
            size.pick(5, 3),
            async |round| micros(pool, partitioned, &ids, write, round).await,
            async |round| micros(pool, plain, &ids, write, round).await,
        )
        .await?
        .report("jobs/retention", metric, "us")?;
    }
    Ok(())
}

/// Microseconds of processors per job that is cleared; notes the bytes of log.
async fn cleared(
    site: &Site,
    jobs: usize,
    wal: &mut Vec<f64>,
    clear: impl AsyncFnOnce() -> Result<()>,
) -> Result<f64> {
    site.database.set_up("truncate saas.jobs, saas.jobs_done").await?;
    for _ in 0..jobs / CHUNK {
        let ids: Vec<_> = (0..CHUNK).map(|_| Uuid::now_v7()).collect();
        sqlx::query(ENDED).bind(ids).execute(&site.pool).await?;
    }
    site.database.set_up("vacuum analyze saas.jobs").await?;
    let (written, used) = (site.written().await?, Cpu::used()?);
    clear().await?;
    let used = Cpu::used()?.since(used);
    wal.push((site.written().await? - written) as f64 / jobs as f64);
    Ok(used.seconds() * 1e6 / jobs as f64)
}

/// Without a place in any other table they have ended.
const ENDED: &str = r#"
    insert into saas.jobs (id, version, priority, max_attempts, kind, queue, args)
    select id, 1, 2, 20, 'nothing', 'default', '{"n":1000}' from unnest($1::uuid[]) u(id)"#;

async fn clear(site: &Site, jobs: usize) -> Result<()> {
    let worker = Worker::new(site.pool.clone(), Queue::new(), ());
    let cleared = worker.retention(Retention::new().done(Duration::ZERO)).clear().await?;
    if cleared == jobs as u64 { Ok(()) } else { Err(format!("{cleared} were cleared").into()) }
}

const DELETE: &str = "
    delete from saas.jobs where id in (select id from saas.jobs order by id limit 1000)";

async fn delete(site: &Site, jobs: usize) -> Result<()> {
    for _ in 0..jobs.div_ceil(1000) {
        sqlx::query(DELETE).execute(&site.pool).await?;
    }
    Ok(())
}

/// A partition for each of eight months; what is new goes into the last.
const TABLES: &str = "
    create table plain (like saas.jobs including all);
    create table partitioned (like saas.jobs including all) partition by range (id);
    create table p1 partition of partitioned for values from (minvalue) to ('01900000-0000-7000-8000-000000000000');
    create table p2 partition of partitioned for values from ('01900000-0000-7000-8000-000000000000') to ('01910000-0000-7000-8000-000000000000');
    create table p3 partition of partitioned for values from ('01910000-0000-7000-8000-000000000000') to ('01920000-0000-7000-8000-000000000000');
    create table p4 partition of partitioned for values from ('01920000-0000-7000-8000-000000000000') to ('01930000-0000-7000-8000-000000000000');
    create table p5 partition of partitioned for values from ('01930000-0000-7000-8000-000000000000') to ('01940000-0000-7000-8000-000000000000');
    create table p6 partition of partitioned for values from ('01940000-0000-7000-8000-000000000000') to ('01950000-0000-7000-8000-000000000000');
    create table p7 partition of partitioned for values from ('01950000-0000-7000-8000-000000000000') to ('01960000-0000-7000-8000-000000000000');
    create table p8 partition of partitioned for values from ('01960000-0000-7000-8000-000000000000') to (maxvalue)";

macro_rules! into {
    ($table:literal) => {
        concat!(
            "insert into ",
            $table,
            " (id, version, priority, max_attempts, kind, queue, args)
            select id, 1, 2, 20, 'nothing', 'default', '{}' from unnest($1::uuid[]) u(id)
            on conflict do nothing"
        )
    };
}

const INTO_PLAIN: &str = into!("plain");

const INTO_PARTITIONED: &str = into!("partitioned");

/// As a claim reads the bodies of what it took.
macro_rules! of {
    ($table:literal) => {
        concat!(
            "select count(j.args::text) from unnest($1::uuid[]) taken(id) join ",
            $table,
            " j on j.id = taken.id"
        )
    };
}

const OF_PLAIN: &str = of!("plain");

const OF_PARTITIONED: &str = of!("partitioned");

/// Microseconds per statement.
async fn micros(
    pool: &PgPool,
    statement: &'static str,
    ids: &[Vec<Uuid>],
    write: bool,
    round: usize,
) -> Result<f64> {
    let mut conn = pool.acquire().await?;
    let begun = Instant::now();
    for ids in ids {
        // New ones each round, since those of the last are there.
        let shift = |id: &Uuid| Uuid::from_u128(id.as_u128() + ((round as u128 + 1) << 80));
        let ids: Vec<_> = if write { ids.iter().map(shift).collect() } else { ids.clone() };
        sqlx::query(statement).bind(ids).execute(&mut *conn).await?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / ids.len() as f64)
}
