use chrono::{DateTime, Utc};

use crate::worker::{clear, drain};
use crate::{Backend, Error, Worker};

/// Which jobs a [`Worker::drain_with`] runs.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Drain {
    pub(crate) queues: Vec<String>,
    pub(crate) most: Option<usize>,
    pub(crate) until: Option<DateTime<Utc>>,
}

impl Drain {
    /// All that are due in the worker's queues.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only those of this queue, whether or not the worker serves it; call it once for each.
    pub fn queue(mut self, name: impl Into<String>) -> Self {
        self.queues.push(name.into());
        self
    }

    /// No more than so many runs. What is left stays as it was.
    pub fn most(mut self, runs: usize) -> Self {
        self.most = Some(runs);
        self
    }

    /// Those too that are scheduled for this moment or before, though the clock does not show it
    /// yet; and so, again, those that failed and are to be retried by then.
    pub fn scheduled_until(mut self, moment: DateTime<Utc>) -> Self {
        self.until = Some(moment);
        self
    }
}

/// What a [`Worker::drain`] did, by the outcome of each run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Runs that succeeded, or completed their job in a transaction.
    pub done: usize,
    /// Runs that failed and are tried again.
    pub failed: usize,
    /// Runs that were snoozed, or met no handler.
    pub snoozed: usize,
    /// Jobs that ended as dead.
    pub dead: usize,
    /// Jobs that ended as cancelled.
    pub cancelled: usize,
}

impl<DB: Backend, C: Send + Sync + 'static> Worker<DB, C> {
    /// Runs every job that is due by the queue's clock, one after the other, until none is; what
    /// they enqueue too. Turn the clock to make more due. A job that snoozes for no time at all is due
    /// for ever: [`Drain::most`] ends that.
    ///
    /// Schedules that are due by then are fired, after this worker's own are stored.
    ///
    /// For tests: a failure is recorded as in production, a slow job holds the rest up.
    pub async fn drain(self) -> Result<Drained, Error> {
        self.drain_with(Drain::new()).await
    }

    /// Runs jobs as [`drain`](Self::drain) does, only some of them.
    pub async fn drain_with(self, which: Drain) -> Result<Drained, Error> {
        drain(self, which).await
    }

    /// Clears at once what the worker's [`Retention`](crate::Retention) lets go; returns how many
    /// jobs.
    pub async fn clear(self) -> Result<u64, Error> {
        clear(self).await
    }
}
