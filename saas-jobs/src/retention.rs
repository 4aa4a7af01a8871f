use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// How long ended jobs are kept.
///
/// Workers clear them in batches, in the background. Any of them is enough; two at once do no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub(crate) done: Option<Duration>,
    pub(crate) dead: Option<Duration>,
}

impl Retention {
    /// Seven days for what is done, thirty for what is dead or cancelled.
    pub fn new() -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        Self { done: Some(7 * DAY), dead: Some(30 * DAY) }
    }

    /// Clears nothing.
    pub fn forever() -> Self {
        Self { done: None, dead: None }
    }

    /// Keeps what is done for so long after it was enqueued. Dead letters are kept at least as long.
    #[must_use]
    pub fn done(mut self, time: Duration) -> Self {
        self.done = Some(time);
        self
    }

    /// Keeps what is dead or cancelled for so long after it ended.
    #[must_use]
    pub fn dead(mut self, time: Duration) -> Self {
        self.dead = Some(time);
        self
    }

    /// What is cleared by now; `None` for nothing.
    pub(crate) fn bounds(&self, now: DateTime<Utc>) -> Option<Bounds> {
        let before = |time: Duration| {
            let time = chrono::TimeDelta::from_std(time).ok()?;
            now.checked_sub_signed(time).map(|moment| moment.max(DateTime::UNIX_EPOCH))
        };
        let done = before(self.done?)?;
        let dead = self.dead.and_then(before).unwrap_or(DateTime::UNIX_EPOCH);
        // An id begins with its milliseconds.
        let millis = u128::from(done.timestamp_millis().unsigned_abs());
        Some(Bounds { first_kept: Uuid::from_u128(millis << 80), done, dead })
    }
}

/// What lies before these is cleared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The least id of a job that is kept though it is done.
    pub(crate) first_kept: Uuid,
    /// The moment in that id.
    pub(crate) done: DateTime<Utc>,
    pub(crate) dead: DateTime<Utc>,
}

impl Default for Retention {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::JobId;

    #[test]
    fn the_bound_lies_between_ids_made_before_and_after() {
        let id = JobId::new().uuid();
        let at = JobId::from_uuid(id).created_at().unwrap();
        let retention = Retention::new().done(Duration::from_secs(60));
        let bound = |seconds| retention.bounds(at + chrono::TimeDelta::seconds(seconds)).unwrap();
        assert!(bound(59).first_kept < id && id < bound(61).first_kept);
        assert_eq!(bound(60).done, at);
    }

    #[test]
    fn for_ever_and_absurd_times_clear_nothing() {
        let now = Utc::now();
        assert!(Retention::forever().bounds(now).is_none());
        assert!(Retention::new().done(Duration::MAX).bounds(now).is_none());
        let bounds = Retention::new().dead(Duration::MAX).bounds(now).unwrap();
        assert_eq!(bounds.dead, DateTime::UNIX_EPOCH);
    }
}
