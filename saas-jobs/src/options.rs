use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, Utc};
use saas_core::TenantId;

use crate::trace::is_traceparent;
use crate::{Error, text};

/// How one job is stored: where, when, for whom. What is not said is taken from
/// [`Job::options`](crate::Job::options), and what that does not say from the defaults named here.
///
/// ```
/// use std::time::Duration;
/// use saas_core::TenantId;
/// use saas_jobs::Options;
/// let options = Options::new().tenant(TenantId::new()).delay(Duration::from_secs(60)).priority(1);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    pub(crate) queue: Option<Cow<'static, str>>,
    pub(crate) priority: Option<u8>,
    pub(crate) max_attempts: Option<u16>,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) limit: Option<Cow<'static, str>>,
    pub(crate) trace: Option<String>,
    pub(crate) start: Option<Start>,
}

/// When a job may start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Start {
    At(DateTime<Utc>),
    After(Duration),
}

impl Options {
    /// Nothing said.
    pub fn new() -> Self {
        Self::default()
    }

    /// The queue, `default` if not said. A worker serves the queues it is told.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<Cow<'static, str>>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// From 1, claimed first, to 4, claimed last; 2 if not said. Others are brought into that range.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority.clamp(1, 4));
        self
    }

    /// After how many failed attempts the job is dead, from 1 to 32,767; 20 if not said.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u16) -> Self {
        self.max_attempts = Some(attempts.clamp(1, i16::MAX.unsigned_abs()));
        self
    }

    /// Whose job it is; nobody's if not said. The worker hands it to the handler.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Under which [`Limit`](crate::Limit) it runs; none if not said.
    #[must_use]
    pub fn limit(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.limit = Some(name.into());
        self
    }

    /// The trace it is enqueued in, as a W3C `traceparent`: the handler finds it by
    /// [`JobContext::trace`](crate::JobContext::trace), and in the run's span as the field `trace`.
    /// What is none is left out, as that standard asks.
    ///
    /// ```
    /// # use saas_jobs::Options;
    /// Options::new().trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    /// ```
    #[must_use]
    pub fn trace(mut self, traceparent: impl Into<String>) -> Self {
        self.trace = Some(traceparent.into()).filter(|text| is_traceparent(text));
        self
    }

    /// When it may start; at once if not said or past.
    #[must_use]
    pub fn run_at(mut self, moment: DateTime<Utc>) -> Self {
        self.start = Some(Start::At(moment));
        self
    }

    /// How long it waits before it may start.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.start = Some(Start::After(delay));
        self
    }

    /// Names that the database takes.
    pub(crate) fn checked(self) -> Result<Self, Error> {
        if let Some(queue) = &self.queue {
            text::checked("name of a queue", queue)?;
        }
        if let Some(limit) = &self.limit {
            text::checked("name of a limit", limit)?;
        }
        Ok(self)
    }

    /// Fills in what is not said here.
    pub(crate) fn or(self, defaults: Self) -> Self {
        Self {
            queue: self.queue.or(defaults.queue),
            priority: self.priority.or(defaults.priority),
            max_attempts: self.max_attempts.or(defaults.max_attempts),
            tenant: self.tenant.or(defaults.tenant),
            limit: self.limit.or(defaults.limit),
            trace: self.trace.or(defaults.trace),
            start: self.start.or(defaults.start),
        }
    }

    /// The moment to wait for, or `None` if there is nothing to wait for.
    pub(crate) fn due(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let at = match self.start? {
            Start::At(moment) => moment,
            Start::After(delay) => after(now, delay),
        };
        (at > now).then(|| saas_core::truncate_to_micros(at))
    }
}

/// The moment `wait` later; a wait beyond the calendar ends a thousand years from now, or with it.
pub(crate) fn after(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    let most = chrono::TimeDelta::days(365_000);
    let wait = chrono::TimeDelta::from_std(wait).map_or(most, |wait| wait.min(most));
    saas_core::truncate_to_micros(now.checked_add_signed(wait).unwrap_or(DateTime::<Utc>::MAX_UTC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_comes_from_the_kind() {
        let kind = Options::new().queue("mail").priority(3);
        let said = Options::new().priority(9).or(kind);
        assert_eq!(said, Options::new().queue("mail").priority(4));
    }

    #[test]
    fn a_past_start_is_no_wait_and_an_endless_one_is_bounded() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(Options::new().run_at(now).due(now), None);
        assert!(Options::new().delay(Duration::MAX).due(now).is_some());
        let soon = Options::new().delay(Duration::from_secs(1)).due(now).unwrap();
        assert_eq!((soon - now).num_seconds(), 1);
    }
}
