//! What a job costs a worker, the more of them wait.

use std::sync::Arc;
use std::time::Instant;

use saas_jobs::{Queue, Worker};
use sqlx::Postgres;

use super::site::{POOL, Site};
use super::{Left, Nothing};
use crate::Result;
use crate::measure::Turns;

/// How many are run for one sample, with a worker of its own.
const JOBS: usize = 5_000;

const SAMPLES: usize = 5;

/// Ids in order, a thousand in a millisecond, that end now.
const FILL: &str = "
    with jobs as (
        insert into saas.jobs (id, version, priority, max_attempts, kind, queue, args)
        select (lpad(to_hex((extract(epoch from now()) * 1000)::bigint - (:jobs - n) / 1000), 12, '0')
                || '7' || lpad(to_hex((n % 1000)::int), 3, '0') || '8' || substr(md5(n::text), 1, 15)
            )::uuid, 1, 2, 20, 'nothing', 'default', json_build_object('n', n)
        from generate_series(1, :jobs) n
        returning id
    )
    insert into saas.jobs_ready (id, priority, queue) select id, 2, 'default' from jobs;
    vacuum analyze saas.jobs, saas.jobs_ready";

/// Compares each backlog with the first.
pub(super) async fn run(backlogs: &[u64]) -> Result<()> {
    let mut first = Vec::new();
    for &backlog in backlogs {
        eprintln!("jobs/backlog: {backlog}");
        let site = Site::new().await?;
        let mut samples = Vec::new();
        for sample in 0..=SAMPLES {
            // What the last sample took is put back, so that a small backlog stays one.
            if sample == 0 || backlog < 1_000_000 {
                site.database.set_up("truncate saas.jobs, saas.jobs_ready").await?;
                for statement in FILL.replace(":jobs", &backlog.to_string()).split(';') {
                    site.database.set_up(statement).await?;
                }
            }
            let took = micros_per_job(&site).await?;
            if sample > 0 {
                samples.push(took);
            }
        }
        if first.is_empty() {
            first.clone_from(&samples);
        } else {
            let metric = format!("us_per_job_at_{backlog}");
            Turns::new(samples, first.clone()).report("jobs/backlog", &metric, "us")?;
        }
        site.remove().await?;
    }
    Ok(())
}

async fn micros_per_job(site: &Site) -> Result<f64> {
    let pool = site.database.app(POOL).await?;
    let left = Left::of(JOBS);
    let worker = Worker::new(pool.clone(), Queue::<Postgres>::new(), Arc::clone(&left));
    let worker = worker.register::<Nothing>();
    let (begun, none) = (Instant::now(), left.none());
    let took = tokio::spawn(async move {
        none.await;
        begun.elapsed()
    });
    worker.run_until(left.none()).await?;
    pool.close().await;
    Ok(took.await?.as_secs_f64() * 1e6 / JOBS as f64)
}
