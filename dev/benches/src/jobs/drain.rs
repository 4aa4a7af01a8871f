//! How fast workers with their defaults drain a backlog, what processors that takes, and what a job
//! costs the write-ahead log, against a loop over the same tables by hand.

use saas_jobs::Options;

use super::site::{POOL, Round, Site};
use super::{CHUNK, by_hand};
use crate::measure::{Turns, among};
use crate::{Result, Size};

/// How many connections the loop by hand works on: as many as a worker claims on.
const LOOPS: usize = 2;

const WORKERS: [usize; 3] = [1, 2, 4];

pub(super) async fn run(site: &Site, size: Size) -> Result<()> {
    let jobs = size.pick(200_000, 50_000);
    eprintln!("jobs/drain: {jobs} a round");
    let mut pools = Vec::new();
    for _ in 0..WORKERS[2] {
        pools.push(site.database.app(POOL).await?);
    }
    let mut rounds = [const { Vec::new() }; 4];
    let _ = among::<4>(size.pick(5, 3), async |who, _| {
        let round = match who.checked_sub(1) {
            None => {
                let enqueue = async || by_hand::enqueue(&site.pool, jobs / CHUNK, CHUNK).await;
                site.round(jobs, enqueue, async || by_hand::drain(&site.pool, LOOPS).await).await?
            }
            Some(at) => {
                let pools = &pools[..WORKERS[at]];
                let enqueue = async || site.enqueue(jobs, Options::new()).await;
                site.round(jobs, enqueue, async || site.drain(jobs, pools).await).await?
            }
        };
        rounds[who].push(round);
        Ok(round.rate)
    })
    .await?;
    for pool in &pools {
        pool.close().await;
    }
    // Without the rounds that warmed up.
    let of = |who: usize, what: fn(&Round) -> f64| rounds[who][1..].iter().map(what).collect();
    let against_hand = |who, what| Turns::new(of(who, what), of(0, what));
    for (at, workers) in WORKERS.iter().enumerate() {
        let metric = format!("jobs_per_second_{workers}");
        against_hand(at + 1, |round| round.rate).report("jobs/drain", &metric, "1/s")?;
    }
    against_hand(1, |round| round.cpu).report("jobs/cpu", "cpu_per_job", "us")?;
    against_hand(1, |round| round.wal).report("jobs/wal_bytes", "wal_per_job", "B")
}
