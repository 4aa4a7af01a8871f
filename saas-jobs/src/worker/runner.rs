//! Runs claimed jobs, one after the other; a worker has as many runners as it has slots.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use saas_core::TenantId;
use tokio::sync::{mpsc, watch};
use tracing::Instrument;

use super::Shared;
use super::buffer::Held;
use super::ended::{Ended, Finished};
use super::registry;
use crate::context::Ticket;
use crate::outcome::Verdict;
use crate::settle::{Attempts, Ending, Settlement, settle};
use crate::store::count;
use crate::{Backend, JobId, JobInfo, Policy, metrics};

/// Runs jobs until the buffer closes.
pub(super) async fn run<DB: Backend, C: Send + Sync + 'static>(
    shared: Arc<Shared<DB, C>>,
    finished: mpsc::UnboundedSender<Finished>,
) {
    let mut abandon = shared.abandon.subscribe();
    while let Some(held) = shared.buffer.pop().await {
        shared.room.tell();
        let ended = execute(&shared, held, &mut abandon).await;
        shared.in_hand.fetch_sub(1, Ordering::Relaxed);
        // The completer outlives the runners.
        let _ = finished.send(ended);
    }
}

/// Runs one job to its end, whatever that is.
pub(super) async fn execute<DB: Backend, C: Send + Sync + 'static>(
    shared: &Shared<DB, C>,
    held: Held,
    abandon: &mut watch::Receiver<bool>,
) -> Finished {
    let Held { lease, job } = held;
    let id = job.id;
    let attempts = Attempts { before: count(job.attempt), max: count(job.max_attempts) };
    let decide = |ending, policy: &Policy| {
        settle(ending, attempts, policy, shared.queue.clock.now(), super::random())
    };
    let finish = |lease, ended| Finished { lease, id, ended };
    if *shared.stop.borrow() || !lease.epoch.is_current() {
        // In the second case others may hold it by now. If so, this settlement is not recorded.
        return finish(lease, Ended::Settled(decide(Ending::Unstarted, &Policy::new())));
    }
    let Some(entry) = shared.registry.find(&job.kind, job.version) else {
        tracing::warn!(job.kind, job.version, job.id = %id, "no handler here for this job; it waits for another worker");
        metrics::unknown();
        return finish(lease, Ended::Settled(decide(Ending::Unknown, &Policy::new())));
    };
    let info = JobInfo {
        id: JobId::from_uuid(id),
        kind: job.kind,
        version: job.version,
        queue: Arc::clone(&lease.queue),
        attempt: attempts.before.saturating_add(1),
        max_attempts: attempts.max,
        tenant: job.tenant.map(TenantId::from_uuid),
        trace: job.trace,
    };
    let span = tracing::info_span!(
        "job", kind = info.kind, queue = &*info.queue, id = %id, attempt = info.attempt,
        trace = info.trace.as_deref()
    );
    let ticket = Arc::new(Ticket {
        info,
        lease: Some(Arc::clone(&lease)),
        statements: shared.queue.statements,
        clock: Arc::clone(&shared.queue.clock),
        stop: shared.stop.subscribe(),
        touched: AtomicBool::new(false),
    });
    let started = Instant::now();
    let args = job.args;
    // Whatever is the handler's is made, run, read and dropped in here, since it may panic anywhere.
    let attempt = async {
        let handler = entry.run(shared.contexts.clone(), Arc::clone(&ticket), args);
        let handler = shared.layers.around(&ticket, handler);
        tokio::select! {
            // First, so that a handler that ends at once costs no timer.
            biased;
            result = handler.instrument(span.clone()) => registry::ending(result),
            took = deadline(entry.policy) => Ending::Failed(format!("timed out after {took:?}")),
            _ = abandon.wait_for(|abandon| *abandon) => {
                Ending::Abandoned("abandoned when the worker stopped".to_owned())
            }
        }
    };
    let ending = AssertUnwindSafe(attempt).catch_unwind().await;
    let ending = ending.unwrap_or_else(|panic| {
        let ending = Ending::Failed(format!("panicked: {}", said(&*panic)));
        // What was thrown may itself panic when it is dropped.
        std::mem::forget(panic);
        ending
    });
    let took = started.elapsed();
    shared.ran(took);
    let touched = ticket.touched.load(Ordering::Acquire);
    let ending = match ending {
        Ending::Returned(Verdict::Completed(_)) if touched => {
            Ending::Failed("the transaction that completed the job did not commit".to_owned())
        }
        ending => ending,
    };
    let settlement = decide(ending, &entry.policy);
    if !touched {
        metrics::ran(&ticket.info, settlement.name(), took);
        report(&span, &settlement);
        return finish(lease, Ended::Settled(settlement));
    }
    metrics::ran(&ticket.info, "completed", took);
    finish(lease, Ended::Touched { otherwise: settlement })
}

async fn deadline(policy: Policy) -> Duration {
    match policy.timeout {
        Some(timeout) => {
            tokio::time::sleep(timeout).await;
            timeout
        }
        None => std::future::pending().await,
    }
}

pub(super) fn report(span: &tracing::Span, settlement: &Settlement) {
    span.in_scope(|| match settlement {
        Settlement::Later { error: Some(error), attempt, run_at } => {
            tracing::warn!(%error, attempt, %run_at, "the attempt failed");
        }
        Settlement::Dead { reason, attempt, .. } => {
            tracing::error!(%reason, attempt, "the job is dead");
        }
        settlement => tracing::debug!(outcome = settlement.name(), "ended"),
    });
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("not with a text")
}
