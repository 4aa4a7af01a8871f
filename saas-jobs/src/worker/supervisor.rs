use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::claimer::Claiming;
use super::ended::{Ended, Finished};
#[cfg(feature = "cron")]
use super::scheduler;
use super::{Shared, claimer, completer, heart, keeper, random, retainer, runner, until};
use crate::settle::{Attempts, Ending, settle};
use crate::store::count;
use crate::{Backend, Error, Policy};

/// How long abandoned handlers may take to be dropped, and outcomes to be recorded after that.
const LAST: Duration = Duration::from_secs(5);

/// How large a pool is from which a busy worker takes two connections to claim.
const TWO_CLAIM: u32 = 8;

/// Starts the worker's tasks, waits for the stop, and ends them in order. No task is ever dropped
/// in flight.
pub(super) async fn supervise<DB: Backend, C: Send + Sync + 'static>(
    shared: Arc<Shared<DB, C>>,
) -> Result<(), Error> {
    let (finished, outcomes) = mpsc::unbounded_channel();
    let (deadline, deadlines) = watch::channel(None);
    let ended = watch::Sender::new(false);
    let epochs = watch::Sender::new(None);
    let epoch = epochs.subscribe();
    let mut heart = tokio::spawn(heart::beat(Arc::clone(&shared), epochs, ended.subscribe()));
    let mut keep = tokio::spawn(keeper::keep(Arc::clone(&shared), ended.subscribe()));
    let retain = tokio::spawn(retainer::run(Arc::clone(&shared), ended.subscribe()));
    let mut beside = JoinSet::new();
    #[cfg(feature = "metrics")]
    beside.spawn(super::gauges::run(Arc::clone(&shared), ended.subscribe()));
    #[cfg(feature = "postgres")]
    beside.spawn(super::listener::run(Arc::clone(&shared), ended.subscribe()));
    #[cfg(feature = "cron")]
    let scheduling = scheduler::run(Arc::clone(&shared));
    // Nobody schedules: this only waits for the stop.
    #[cfg(not(feature = "cron"))]
    let scheduling = {
        let mut stop = shared.stop.subscribe();
        async move { until(&mut stop).await }
    };
    let mut scheduler = tokio::spawn(scheduling);
    let claiming = Claiming::new(&shared);
    let claim =
        |first| claimer::run(Arc::clone(&shared), epoch.clone(), Arc::clone(&claiming), first);
    let mut claimer = tokio::spawn(claim(true));
    // Where statements of two connections run at once, a busy worker claims on both.
    let helps = DB::ONE_STATEMENT && shared.pool.options().get_max_connections() >= TWO_CLAIM;
    let second = helps.then(|| tokio::spawn(claim(false)));
    let mut completer = tokio::spawn(completer::run(Arc::clone(&shared), outcomes, deadlines));
    let mut runners = JoinSet::new();
    for _ in 0..shared.settings.concurrency {
        runners.spawn(runner::run(Arc::clone(&shared), finished.clone()));
    }
    tracing::info!(queues = ?shared.settings.queues, "the worker has started");

    let mut stop = shared.stop.subscribe();
    let broken = tokio::select! {
        () = until(&mut stop) => None,
        Err(error) = &mut heart => Some(error),
        Err(error) = &mut keep => Some(error),
        Err(error) = &mut scheduler => Some(error),
        Err(error) = &mut claimer => Some(error),
        Err(error) = &mut completer => Some(error),
    };
    shared.stop.send_replace(true);
    tracing::info!("the worker is stopping");
    let over = Instant::now() + shared.settings.grace + LAST;
    deadline.send_replace(Some(over));

    join(scheduler, over).await;
    join(claimer, over).await;
    if let Some(second) = second {
        join(second, over).await;
    }
    give_back(&shared, &finished);
    drop(finished);
    if tokio::time::timeout(shared.settings.grace, all(&mut runners)).await.is_err() {
        shared.abandon.send_replace(true);
        if tokio::time::timeout(LAST, all(&mut runners)).await.is_err() {
            tracing::error!(
                "handlers block their threads; their jobs run again when the lease ends"
            );
        }
    }
    // Runners that hang keep their end of the channel: the completer is not waited for then.
    let stuck = !runners.is_empty();
    runners.detach_all();
    if !stuck {
        join(completer, over + LAST).await;
    }
    ended.send_replace(true);
    join(retain, over + LAST).await;
    let _ = tokio::time::timeout_at((over + LAST).into(), all(&mut beside)).await;
    beside.detach_all();
    join(keep, over + LAST).await;
    join(heart, over + LAST).await;
    tracing::info!("the worker has stopped");
    broken.map_or(Ok(()), |error| Err(Error::Broken(error)))
}

/// Gives back what was claimed and not begun.
fn give_back<DB: Backend, C: Send + Sync + 'static>(
    shared: &Shared<DB, C>,
    finished: &mpsc::UnboundedSender<Finished>,
) {
    let now = shared.queue.clock.now();
    for held in shared.buffer.close() {
        let attempts =
            Attempts { before: count(held.job.attempt), max: count(held.job.max_attempts) };
        let settlement = settle(Ending::Unstarted, attempts, &Policy::new(), now, random());
        let ended = Ended::Settled(settlement);
        let _ = finished.send(Finished { lease: held.lease, id: held.job.id, ended });
    }
}

async fn all(runners: &mut JoinSet<()>) {
    while runners.join_next().await.is_some() {}
}

/// Waits for a task that may have ended, and been seen to. One that is not over by then, since the
/// database does not answer, is left to itself.
async fn join(task: JoinHandle<()>, by: Instant) {
    if !task.is_finished() && tokio::time::timeout_at(by.into(), task).await.is_err() {
        tracing::error!("the database does not answer; the worker stops without it");
    }
}
