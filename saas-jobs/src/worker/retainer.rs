//! Clears what ended long ago: a thousand jobs at a time, with a rest after each.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use super::{Shared, is_over, random, until};
use crate::Backend;
use crate::store::Session;

/// Between two passes.
const EVERY: Duration = Duration::from_secs(600);

/// Between two batches of one pass.
const REST: Duration = Duration::from_millis(50);

/// Clears until `ended`.
pub(super) async fn run<DB: Backend, C: Send + Sync + 'static>(
    shared: Arc<Shared<DB, C>>,
    mut ended: watch::Receiver<bool>,
) {
    while !is_over(&ended) {
        // Workers that start together do not clear together.
        tokio::select! {
            () = tokio::time::sleep(EVERY.mul_f64(0.5 + 0.5 * random())) => {}
            () = until(&mut ended) => return,
        }
        match pass(&shared, &mut ended).await {
            Ok(0) => {}
            Ok(jobs) => tracing::info!(jobs, "cleared jobs that ended long ago"),
            Err(error) => tracing::warn!(%error, "old jobs cannot be cleared; trying again later"),
        }
    }
}

/// Goes over all old jobs once; returns how many were removed.
pub(super) async fn pass<DB: Backend, C>(
    shared: &Shared<DB, C>,
    ended: &mut watch::Receiver<bool>,
) -> Result<u64, sqlx::Error> {
    let how = shared.queue.statements;
    let Some(bounds) = shared.settings.retention.bounds(shared.queue.clock.now()) else {
        return Ok(0);
    };
    let mut jobs = 0;
    let mut after = Some(Uuid::nil());
    while let Some(from) = after {
        let mut session = Session::<DB>::short(&shared.pool, how).await?;
        let conn = session.connection();
        let cleared = DB::clear(conn, from, bounds.first_kept, bounds.dead, how).await?;
        session.commit().await?;
        jobs += cleared.jobs;
        after = cleared.next;
        if rest(ended).await {
            return Ok(jobs);
        }
    }
    // No one asks for a batch once all its jobs are gone.
    loop {
        let mut session = Session::<DB>::short(&shared.pool, how).await?;
        let batches = DB::clear_batches(session.connection(), bounds.done, how).await?;
        session.commit().await?;
        if batches == 0 || rest(ended).await {
            return Ok(jobs);
        }
    }
}

/// Whether the worker has ended meanwhile.
async fn rest(ended: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = tokio::time::sleep(REST) => false,
        () = until(ended) => true,
    }
}
