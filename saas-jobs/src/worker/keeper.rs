//! What a worker does for all of them: it wakes what is due, and takes back what dead workers held.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use uuid::Uuid;

use super::placing::put;
use super::{Shared, is_over, random, until};
use crate::settle::{Attempts, Ending, settle};
use crate::store::{MOST_CLAIMED, Placement, Session, count, in_time};
use crate::{Backend, Policy, metrics};

/// How often due jobs are looked for.
const PROMOTE: Duration = Duration::from_millis(500);

/// Promotes and rescues until `ended`.
pub(super) async fn keep<DB: Backend, C: Send + Sync + 'static>(
    shared: Arc<Shared<DB, C>>,
    mut ended: watch::Receiver<bool>,
) {
    // What it takes to notice, at most half a second more, and to take back stays within a quarter of
    // a lease.
    let every = (shared.settings.lease / 12).min(Duration::from_secs(1));
    let mut rescued: Option<Instant> = None;
    while !is_over(&ended) {
        let mut failed = promote(&shared, shared.queue.clock.now()).await.err();
        if failed.is_none() && rescued.is_none_or(|rescued| rescued.elapsed() >= every) {
            failed = rescue(&shared).await.err();
            rescued = Some(Instant::now());
        }
        if let Some(error) = failed {
            tracing::warn!(%error, "the queue cannot be kept; trying again");
        }
        tokio::select! {
            () = tokio::time::sleep(PROMOTE.min(every).mul_f64(1.0 - 0.2 * random())) => {}
            () = until(&mut ended) => {}
        }
    }
}

/// Moves what is due to the ready jobs; returns how many.
pub(super) async fn promote<DB: Backend, C>(
    shared: &Shared<DB, C>,
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let how = shared.queue.statements;
    let mut total = 0;
    loop {
        let promoted = in_time::<DB, _>(async {
            let mut session = Session::<DB>::short(&shared.pool, how).await?;
            let promoted = DB::promote(session.connection(), now, how).await?;
            session.commit().await?;
            Ok(promoted)
        });
        let promoted = promoted.await?;
        total += promoted;
        if promoted < MOST_CLAIMED as u64 {
            break;
        }
    }
    if total > 0 {
        shared.queue.wake_here();
    }
    Ok(total)
}

/// Takes back the jobs of dead workers, with their attempt counted, and those whose claim broke off.
pub(super) async fn rescue<DB: Backend, C>(shared: &Shared<DB, C>) -> Result<usize, sqlx::Error> {
    let doubtful = shared.doubtful();
    let mut total = 0;
    loop {
        let looked = Instant::now();
        let (leases, jobs) = in_time::<DB, _>(rescue_some(shared, &doubtful)).await?;
        shared.trust(&leases, looked);
        if leases.is_empty() {
            break;
        }
        // A lease of which all jobs had ended held none.
        if jobs > 0 {
            total += jobs;
            metrics::rescued(jobs);
            tracing::warn!(jobs, "took back the jobs of dead workers");
        }
    }
    if total > 0 {
        shared.queue.wake_here();
    }
    Ok(total)
}

/// The leases of one go, and how many jobs they held.
async fn rescue_some<DB: Backend, C>(
    shared: &Shared<DB, C>,
    doubtful: &[Uuid],
) -> Result<(Vec<Uuid>, usize), sqlx::Error> {
    let how = shared.queue.statements;
    let now = shared.queue.clock.now();
    let mut session = Session::<DB>::atomic(&shared.pool).await?;
    let (leases, stranded) = DB::strand(session.connection(), now, doubtful, how).await?;
    if !leases.is_empty() {
        let mut rows = Placement { closing: leases.clone(), ..Placement::default() };
        for job in &stranded {
            let attempts = Attempts { before: count(job.attempt), max: count(job.max_attempts) };
            let ending = if doubtful.contains(&job.lease) {
                Ending::Unstarted
            } else {
                Ending::Abandoned("the worker that ran it died".to_owned())
            };
            let settlement = settle(ending, attempts, &Policy::new(), now, random());
            put(&mut rows, job.lease, job.id, &settlement, false);
        }
        DB::place(session.connection(), &rows, now, how).await?;
    }
    session.commit().await?;
    Ok((leases, stranded.len()))
}
