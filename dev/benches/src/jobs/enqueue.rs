//! How fast jobs come in, many at once and one by one, against inserts of the same rows by hand.

use std::time::{Duration, Instant};

use saas_jobs::{Options, Queue};
use sqlx::Postgres;

use super::site::Site;
use super::{CHUNK, Nothing, by_hand};
use crate::measure::{in_turns, rate};
use crate::{Result, Size};

/// Clients at once, each with a connection.
const CLIENTS: u32 = 10;

pub(super) async fn run(site: &Site, size: Size) -> Result<()> {
    let rounds = size.pick(7, 3);
    let jobs = size.pick(100_000, 20_000);
    in_turns(
        rounds,
        async |_| per_second(jobs, site.enqueue(jobs, Options::new())).await,
        async |_| per_second(jobs, by_hand::enqueue(&site.pool, jobs / CHUNK, CHUNK)).await,
    )
    .await?
    .report("jobs/enqueue", "bulk_jobs_per_second", "1/s")?;

    let span = Duration::from_millis(size.pick(2000, 700));
    let (queue, pool, pool_by_hand) =
        (Queue::<Postgres>::new(), site.pool.clone(), site.pool.clone());
    let ours = move |n| {
        let (pool, queue) = (pool.clone(), queue.clone());
        async move {
            queue.enqueue(&mut *pool.acquire().await?, Nothing { n }).await?;
            Ok(())
        }
    };
    let by_hand = move |n| {
        let pool = pool_by_hand.clone();
        async move { by_hand::enqueue_one(&mut *pool.acquire().await?, n).await }
    };
    in_turns(
        rounds,
        async |_| rate(CLIENTS, span, ours.clone()).await,
        async |_| rate(CLIENTS, span, by_hand.clone()).await,
    )
    .await?
    .report("jobs/enqueue", "single_jobs_per_second", "1/s")
}

async fn per_second(jobs: usize, work: impl Future<Output = Result<()>>) -> Result<f64> {
    let begun = Instant::now();
    work.await?;
    Ok(jobs as f64 / begun.elapsed().as_secs_f64())
}
