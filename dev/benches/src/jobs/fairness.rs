//! What it costs that tenants are served in turn, and what it spares the small ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use saas_core::TenantId;
use saas_jobs::{Job, JobContext, JobResult, Options, Outcome, Queue, Run, Worker};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres};
use tokio::sync::watch;

use super::Nothing;
use super::site::{POOL, Site};
use super::starts::{Starts, Waits};
use crate::measure::{Turns, in_turns};
use crate::{Result, Size};

/// How many tenants share a drain.
const TENANTS: usize = 1000;

pub(super) async fn run(site: &Site, size: Size) -> Result<()> {
    drain(site, size).await?;
    waits(site, size).await
}

/// A backlog of a thousand tenants against one of nobody's jobs.
async fn drain(site: &Site, size: Size) -> Result<()> {
    let jobs = size.pick(200_000, 50_000);
    eprintln!("jobs/fairness: {jobs} a round");
    let pools = [site.database.app(POOL).await?];
    let tenants: Vec<_> = (0..TENANTS).map(|_| TenantId::new()).collect();
    let of_tenants = async || {
        let queue = Queue::<Postgres>::new();
        let mut tx = site.pool.begin().await?;
        for tenant in &tenants {
            let (jobs, options) = ((0..jobs / TENANTS), Options::new().tenant(*tenant));
            queue.enqueue_many(&mut tx, jobs.map(|n| Nothing { n }), options).await?;
        }
        Ok(tx.commit().await?)
    };
    let drain = async || site.drain(jobs, &pools).await;
    in_turns(
        size.pick(5, 3),
        async |_| Ok(site.round(jobs, of_tenants, drain).await?.rate),
        async |_| {
            let enqueue = async || site.enqueue(jobs, Options::new()).await;
            Ok(site.round(jobs, enqueue, drain).await?.rate)
        },
    )
    .await?
    .report("jobs/fairness", "jobs_per_second", "1/s")?;
    pools[0].close().await;
    Ok(())
}

/// How long jobs of small tenants wait while another has a backlog of very many.
async fn waits(site: &Site, size: Size) -> Result<()> {
    let whale = size.pick(1_000_000, 200_000);
    eprintln!("jobs/fairness: a tenant with {whale} jobs, and small ones");
    let pool = site.database.app(POOL).await?;
    let alone = small_waits(site, &pool, size).await?;
    let options = Options::new().tenant(TenantId::new());
    let queue = Queue::<Postgres>::new();
    for _ in 0..whale / super::CHUNK {
        let mut tx = site.pool.begin().await?;
        let jobs = (0..super::CHUNK).map(|_| Small { sample: None });
        queue.enqueue_many(&mut tx, jobs, options.clone()).await?;
        tx.commit().await?;
    }
    site.database.set_up("vacuum analyze saas.jobs, saas.jobs_ready").await?;
    let beside = small_waits(site, &pool, size).await?;
    for (metric, share) in [("wait_p50", 0.5), ("wait_p99", 0.99)] {
        let of = |waits: &Waits| vec![waits.share(share)];
        Turns::new(of(&beside), of(&alone)).report("jobs/fairness", metric, "ms")?;
    }
    pool.close().await;
    Ok(())
}

/// One job every ten milliseconds, each of the next of some tenants.
async fn small_waits(site: &Site, pool: &PgPool, size: Size) -> Result<Waits> {
    let samples = size.pick(2000, 300);
    let tenants: Vec<_> = (0..50).map(|_| TenantId::new()).collect();
    let queue = Queue::<Postgres>::new();
    let starts = Starts::of(samples);
    let (stop, mut stopped) = watch::channel(false);
    let worker = Worker::new(pool.clone(), queue.clone(), Arc::clone(&starts)).register::<Small>();
    let worker = tokio::spawn(worker.run_until(async move { drop(stopped.changed().await) }));
    // What a worker learns at first, of how long jobs take, is not what is measured.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    let mut committed = Vec::with_capacity(samples);
    for sample in 0..samples {
        tick.tick().await;
        let options = Options::new().tenant(tenants[sample % tenants.len()]);
        let mut conn = site.pool.acquire().await?;
        queue.enqueue_with(&mut conn, Small { sample: Some(sample) }, options).await?;
        committed.push(Instant::now());
        queue.wake();
    }
    let waits = starts.waits(&committed).await?;
    stop.send_replace(true);
    worker.await??;
    Ok(waits)
}

/// Takes a millisecond, as work does that has to wait for something.
#[derive(Debug, Serialize, Deserialize)]
struct Small {
    sample: Option<usize>,
}

impl Job for Small {
    const KIND: &'static str = "small";
}

impl Run<Arc<Starts>> for Small {
    async fn run(self, cx: JobContext<'_, Arc<Starts>>) -> JobResult {
        if let Some(sample) = self.sample {
            cx.context().note(sample);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(Outcome::done())
    }
}
