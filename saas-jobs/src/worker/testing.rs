//! Running jobs one by one, for tests.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::claimer::claim;
use super::completer::Completer;
use super::ended::{Ended, Finished};
use super::limited::Limited;
#[cfg(feature = "cron")]
use super::scheduler::{self, Lead};
use super::source::{Ask, Source};
use super::{Worker, heart, keeper, retainer, runner};
use crate::settle::Settlement;
use crate::testing::drain::{Drain, Drained};
use crate::{Backend, Error};

/// Runs what is due until nothing is.
pub(crate) async fn drain<DB: Backend, C: Send + Sync + 'static>(
    mut worker: Worker<DB, C>,
    which: Drain,
) -> Result<Drained, Error> {
    if !which.queues.is_empty() {
        worker.settings.queues = which.queues;
    }
    let shared = worker.share()?;
    heart::tell_limits(&shared).await?;
    let epoch = heart::register(&shared).await?;
    let mut abandon = shared.abandon.subscribe();
    let source = |name: &String| (name.clone(), Mutex::new(Source::new(name, Instant::now())));
    let sources: Vec<_> = shared.settings.queues.iter().map(source).collect();
    let mut drained = Drained::default();
    let mut completer = Completer::new(&shared, None);
    let mut left = which.most.unwrap_or(usize::MAX);
    #[cfg(feature = "cron")]
    scheduler::define(&shared).await?;
    while left > 0 {
        #[cfg(feature = "cron")]
        scheduler::fire(&shared, &mut Lead::nobodys()).await?;
        let now = shared.queue.clock.now();
        keeper::promote(&shared, which.until.map_or(now, |until| until.max(now))).await?;
        let mut claimed = 0;
        for (queue, source) in &sources {
            // One at a time: a job that another one enqueues may be more urgent than the next.
            if left == 0 {
                break;
            }
            let ask = Ask::some(queue, 0);
            let held = claim(&shared, &epoch, source, ask, &mut None).await?;
            shared.buffer.push(held);
            if shared.buffer.is_empty() {
                Limited::new(queue).fetch(&shared, &epoch).await?;
            }
            while let Some(held) = shared.buffer.take() {
                // What a stopping worker has not begun is given back.
                shared.stop.send_replace(left == 0);
                let finished = runner::execute(&shared, held, &mut abandon).await;
                shared.in_hand.fetch_sub(1, Ordering::Relaxed);
                if left > 0 {
                    (claimed, left) = (claimed + 1, left - 1);
                    tally(&mut drained, &finished);
                }
                completer.absorb(finished);
            }
            while !completer.is_idle() {
                completer.flush(true).await;
            }
        }
        if claimed == 0 {
            break;
        }
    }
    heart::retire(&shared, epoch.worker).await?;
    Ok(drained)
}

fn tally(drained: &mut Drained, finished: &Finished) {
    let settlement = match &finished.ended {
        Ended::Settled(settlement) => settlement,
        Ended::Touched { .. } => &Settlement::Done,
    };
    match settlement {
        Settlement::Done => drained.done += 1,
        Settlement::Later { error: Some(_), .. } | Settlement::Ready { .. } => drained.failed += 1,
        Settlement::Later { error: None, .. } => drained.snoozed += 1,
        Settlement::Dead { .. } => drained.dead += 1,
        Settlement::Cancelled { .. } => drained.cancelled += 1,
    }
}

/// Clears what the worker's retention lets go; returns how many jobs.
pub(crate) async fn clear<DB: Backend, C: Send + Sync + 'static>(
    worker: Worker<DB, C>,
) -> Result<u64, Error> {
    let shared = worker.share()?;
    Ok(retainer::pass(&shared, &mut shared.stop.subscribe()).await?)
}
