//! Samples how full the queues are: one worker at a time, as often as it was told.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use super::settings::MOST;
use super::{Shared, Worker, is_over, random, until};
use crate::options::after;
use crate::store::Session;
use crate::store::lead::Candidate;
use crate::{Backend, metrics};

impl<DB: Backend, C: Send + Sync + 'static> Worker<DB, C> {
    /// Shows in gauges how full the queues of this worker are: `saas_jobs_depth` by queue and state
    /// (`ready`, `scheduled`, `running`, `dead`) and `saas_jobs_oldest_seconds`, since when the
    /// oldest ready job has been there. Not at all if this is never called.
    ///
    /// Of the workers that are told to, one samples a queue at a time, `every` so often, at least a
    /// second; the gauges of the others are zero. A sample costs less than a tenth of a second on a
    /// backlog of a million, since it counts ready and scheduled jobs up to 100,000, dead ones up to
    /// 10,000, and looks for the oldest in 2,500 lanes; [`Queue::stats`](crate::Queue::stats) counts
    /// all.
    #[must_use]
    pub fn gauges(mut self, every: Duration) -> Self {
        self.settings.gauges = Some(every.clamp(Duration::from_secs(1), MOST));
        self
    }
}

/// Samples until `ended`.
pub(super) async fn run<DB: Backend, C: Send + Sync + 'static>(
    shared: Arc<Shared<DB, C>>,
    mut ended: watch::Receiver<bool>,
) {
    let Some(every) = shared.settings.gauges else { return };
    let holder = Uuid::now_v7();
    let mut held = HashSet::new();
    while !is_over(&ended) {
        for queue in &shared.settings.queues {
            let holds = match sample(&shared, queue, holder, every).await {
                Ok(holds) => holds,
                Err(error) => {
                    tracing::warn!(%error, queue, "the queue cannot be sampled; trying again");
                    false
                }
            };
            if holds {
                held.insert(queue);
            } else if held.remove(queue) {
                clear(queue);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(every.mul_f64(1.0 - 0.1 * random())) => {}
            () = until(&mut ended) => {}
        }
    }
    for queue in &held {
        clear(queue);
    }
    if !held.is_empty()
        && let Err(error) = leave(&shared, holder).await
    {
        tracing::warn!(%error, "others sample the queues once this worker's time is over");
    }
}

/// Samples a queue, if that is this worker's duty.
async fn sample<DB: Backend, C>(
    shared: &Shared<DB, C>,
    queue: &str,
    holder: Uuid,
    every: Duration,
) -> Result<bool, sqlx::Error> {
    let how = shared.queue.statements;
    let now = shared.queue.clock.now();
    let until = after(now, every * 5 / 2);
    let duty = format!("gauges {queue}");
    let candidate = Candidate { duty: &duty, holder, now, until };
    let mut session = Session::<DB>::single(&shared.pool, how).await?;
    let holds = DB::lead(session.connection(), &candidate, how).await?;
    session.commit().await?;
    if holds {
        let mut session = Session::<DB>::single(&shared.pool, how).await?;
        let gauge = DB::gauge(session.connection(), queue, how).await?;
        session.commit().await?;
        let oldest = gauge.oldest.and_then(crate::JobId::created_at);
        let age = oldest.and_then(|oldest| (now - oldest).to_std().ok()).unwrap_or_default();
        metrics::gauge(queue, [gauge.ready, gauge.scheduled, gauge.running, gauge.dead], age);
    }
    Ok(holds)
}

/// Gauges that nobody sets any more must not go on showing what was.
fn clear(queue: &str) {
    metrics::gauge(queue, [0; 4], Duration::ZERO);
}

async fn leave<DB: Backend, C>(shared: &Shared<DB, C>, holder: Uuid) -> Result<(), sqlx::Error> {
    let how = shared.queue.statements;
    let mut session = Session::<DB>::single(&shared.pool, how).await?;
    DB::resign(session.connection(), holder, how).await?;
    session.commit().await
}
