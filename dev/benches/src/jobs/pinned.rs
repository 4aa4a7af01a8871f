//! A snapshot that is held from before the first job to after the last: what is deleted meanwhile
//! stays where it was, for every claim to walk over that does not know better.

use saas_jobs::Options;

use super::site::{POOL, Site};
use crate::measure::in_turns;
use crate::{Result, Size};

pub(super) async fn run(site: &Site, size: Size) -> Result<()> {
    let jobs = size.pick(200_000, 50_000);
    eprintln!("jobs/pinned: {jobs} a round");
    let pools = [site.database.app(POOL).await?];
    let drained = async || -> Result<f64> {
        let enqueue = async || site.enqueue(jobs, Options::new()).await;
        Ok(site.round(jobs, enqueue, async || site.drain(jobs, &pools).await).await?.rate)
    };
    in_turns(
        size.pick(5, 3),
        async |_| {
            let mut pin =
                site.database.owner.begin_with("begin isolation level repeatable read").await?;
            sqlx::query("select count(*) from saas.jobs_worker").execute(&mut *pin).await?;
            let rate = drained().await;
            pin.rollback().await?;
            rate
        },
        async |_| drained().await,
    )
    .await?
    .report("jobs/pinned", "jobs_per_second", "1/s")?;
    pools[0].close().await;
    Ok(())
}
