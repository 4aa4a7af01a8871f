//! Claims jobs as slots come free.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use saas_core::sql::Statements;
use sqlx::pool::PoolConnection;
use tokio::sync::watch;
use uuid::Uuid;

use super::buffer::Held;
use super::lease::{Epoch, Lease};
use super::pace::{self, Polling};
use super::{Shared, random, until};
use crate::Backend;
use crate::store::{ClaimRequest, PRIORITIES, Session};

/// A claim slower than this may follow a plan that was made for an empty table and reads all of it.
const SLOW: Duration = Duration::from_millis(25);

/// How long claims are then kept to the index; it costs them two round trips.
const STEER: Duration = Duration::from_secs(60);

/// How long a connection is kept between two fetches of a busy worker.
const KEEP: Duration = Duration::from_millis(100);

/// Claims until the worker stops.
pub(super) async fn run<DB: Backend, C: Send + Sync + 'static>(
    shared: Arc<Shared<DB, C>>,
    mut epochs: watch::Receiver<Option<Arc<Epoch>>>,
) {
    let mut stop = shared.stop.subscribe();
    let mut wakes = shared.queue.wakes();
    let mut polling = Polling::new(shared.settings.poll.0, shared.settings.poll.1);
    let mut sources: Vec<_> = shared.settings.queues.iter().map(|name| Source::new(name)).collect();
    let mut kept = None;
    while !*stop.borrow() {
        let epoch = epochs.borrow_and_update().clone();
        let Some(epoch) = epoch.filter(|epoch| epoch.is_current()) else {
            // Not registered, or not sure to be: wait for the heart to say so.
            tokio::select! {
                _ = epochs.changed() => {}
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
                _ = stop.changed() => {}
            }
            continue;
        };
        if pace::want(shared.load()) == 0 {
            tokio::select! {
                () = shared.buffer.taken.notified() => {}
                () = shared.recorded.notified() => {}
                () = tokio::time::sleep(KEEP), if kept.is_some() => kept = None,
                _ = stop.changed() => {}
            }
            continue;
        }
        // Before the fetch: a wake-up that comes during it must cause another.
        wakes.mark_unchanged();
        match fetch(&shared, &epoch, &mut sources, &mut kept).await {
            Ok(Fetched::Full) => polling.reset(),
            Ok(fetched) => {
                kept = None;
                if matches!(fetched, Fetched::Some) {
                    polling.reset();
                }
                tokio::select! {
                    () = tokio::time::sleep(polling.wait(random())) => {}
                    _ = wakes.changed() => polling.reset(),
                    _ = stop.changed() => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "jobs cannot be claimed; trying again");
                tokio::select! {
                    () = tokio::time::sleep(polling.wait(random())) => {}
                    () = until(&mut stop) => {}
                }
            }
        }
    }
}

/// A queue, and where in it to begin.
pub(super) struct Source {
    queue: String,
    marks: [Uuid; PRIORITIES],
    scanned: Instant,
    slow: Option<Instant>,
}

impl Source {
    pub(super) fn new(queue: &str) -> Self {
        let now = Instant::now();
        Self { queue: queue.to_owned(), marks: Default::default(), scanned: now, slow: None }
    }
}

pub(super) enum Fetched {
    /// There may be more.
    Full,
    Some,
    Nothing,
}

/// Claims from each queue in turn what is wanted.
async fn fetch<DB: Backend, C: Send + Sync + 'static>(
    shared: &Shared<DB, C>,
    epoch: &Arc<Epoch>,
    sources: &mut [Source],
    kept: &mut Option<PoolConnection<DB>>,
) -> Result<Fetched, sqlx::Error> {
    let mut fetched = Fetched::Nothing;
    for source in &mut *sources {
        let want = pace::want(shared.load());
        if want == 0 {
            return Ok(Fetched::Full);
        }
        let limit_log2 = pace::limit_log2(want);
        let held = claim(shared, epoch, source, limit_log2, kept).await?;
        fetched = match held.len() {
            0 => fetched,
            claimed if claimed == 1 << limit_log2 => Fetched::Full,
            _ if matches!(fetched, Fetched::Full) => Fetched::Full,
            _ => Fetched::Some,
        };
        shared.buffer.push(held.into_iter());
    }
    // The queue that was last is first next time.
    sources.rotate_left(1);
    Ok(fetched)
}

/// Claims from one queue.
pub(super) async fn claim<DB: Backend, C: Send + Sync + 'static>(
    shared: &Shared<DB, C>,
    epoch: &Arc<Epoch>,
    source: &mut Source,
    limit_log2: usize,
    kept: &mut Option<PoolConnection<DB>>,
) -> Result<Vec<Held>, sqlx::Error> {
    if source.scanned.elapsed() > pace::RESCAN {
        (source.marks, source.scanned) = (Default::default(), Instant::now());
    }
    let request = ClaimRequest {
        lease: Uuid::now_v7(),
        worker: epoch.worker,
        queue: source.queue.clone(),
        limit_log2,
        marks: source.marks,
    };
    let how = shared.queue.statements;
    let steered = source.slow.is_some_and(|slow| slow.elapsed() < STEER);
    let claimed = async {
        if steered {
            let mut session = Session::steered(&shared.pool).await?;
            let jobs = DB::claim(session.connection(), &request, Statements::Unnamed).await?;
            session.commit().await?;
            return Ok(jobs);
        }
        let mut session = Session::short_on(kept, &shared.pool, how).await?;
        let begun = Instant::now();
        let jobs = DB::claim(session.connection(), &request, how).await?;
        if begun.elapsed() > SLOW {
            source.slow = Some(Instant::now());
        }
        session.commit_and_keep(kept, &shared.pool).await?;
        Ok(jobs)
    };
    // The database may have done what we did not hear of: the lease is looked for later.
    let jobs = claimed.await.inspect_err(|_: &sqlx::Error| shared.doubt(request.lease))?;
    if jobs.len() == 1 << limit_log2 {
        pace::advance(&mut source.marks, &jobs);
    } else {
        source.marks = Default::default();
    }
    shared.in_hand.fetch_add(jobs.len(), Ordering::Relaxed);
    shared.unsettled.fetch_add(jobs.len(), Ordering::Relaxed);
    let lease = Arc::new(Lease { id: request.lease, epoch: Arc::clone(epoch), size: jobs.len() });
    Ok(jobs.into_iter().map(|job| Held { lease: Arc::clone(&lease), job }).collect())
}
