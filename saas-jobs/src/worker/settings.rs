use std::time::Duration;

use super::Worker;
#[cfg(feature = "cron")]
use super::scheduler;
use crate::{Backend, Limit, Retention, text};

/// The longest of the times that a worker is told: who means for ever is served with a day.
pub(super) const MOST: Duration = Duration::from_secs(86_400);

/// What a worker was told, or what it does if not.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) queues: Vec<String>,
    pub(super) concurrency: usize,
    pub(super) lease: Duration,
    pub(super) grace: Duration,
    pub(super) poll: (Duration, Duration),
    pub(super) limits: Vec<Limit>,
    pub(super) retention: Retention,
    #[cfg(feature = "metrics")]
    pub(super) gauges: Option<Duration>,
    #[cfg(feature = "postgres")]
    pub(super) listen: Option<sqlx::postgres::PgConnectOptions>,
    #[cfg(feature = "cron")]
    pub(super) schedules: scheduler::InCode,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: format!("pid {}", std::process::id()),
            queues: Vec::new(),
            concurrency: 32,
            lease: Duration::from_secs(12),
            grace: Duration::from_secs(25),
            poll: (Duration::from_millis(50), Duration::from_secs(2)),
            limits: Vec::new(),
            retention: Retention::new(),
            #[cfg(feature = "metrics")]
            gauges: None,
            #[cfg(feature = "postgres")]
            listen: None,
            #[cfg(feature = "cron")]
            schedules: scheduler::InCode::default(),
        }
    }
}

impl<DB: Backend, C: Send + Sync + 'static> Worker<DB, C> {
    /// Serves this queue; call it once for each. If it is never called, that is `default`.
    #[must_use]
    pub fn queue(mut self, name: impl Into<String>) -> Self {
        self.settings.queues.push(name.into());
        self
    }

    /// Tells all workers what a limit means: it is written down when this one starts.
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.settings.limits.push(limit);
        self
    }

    /// How long ended jobs are kept: by default seven days what is done, thirty what is dead.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.settings.retention = retention;
        self
    }

    /// How many jobs run at once, at least one; 32 if not said.
    #[must_use]
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.settings.concurrency = jobs.clamp(1, 10_000);
        self
    }

    /// How long the worker holds its jobs without a sign of life, at least half a second; 12 s if
    /// not said. It renews three times as often. Others take its jobs back a sixth later at the
    /// latest. The machines' clocks must agree to well within it.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Self {
        self.settings.lease = time.clamp(Duration::from_millis(500), MOST);
        self
    }

    /// How long running jobs may go on once the worker is told to stop; 25 s if not said. A few
    /// seconds more go by at most, if the database does not answer.
    #[must_use]
    pub fn grace(mut self, time: Duration) -> Self {
        self.settings.grace = time.min(MOST);
        self
    }

    /// How often an idle worker looks for jobs: at first after `least`, then ever later up to
    /// `most`; 50 ms and 2 s if not said. [`Queue::wake`](crate::Queue::wake) makes it look at once.
    #[must_use]
    pub fn poll(mut self, least: Duration, most: Duration) -> Self {
        let least = least.clamp(Duration::from_millis(1), MOST);
        self.settings.poll = (least, most.clamp(least, MOST));
        self
    }

    /// The worker's name in `jobs_worker`, for a person; the process id if not said.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = text::kept(&name.into());
        self
    }
}
