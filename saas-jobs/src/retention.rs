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

    /// Below which id jobs that are done are cleared, and before when dead ones; `None` for nothing.
    pub(crate) fn bounds(&self, now: DateTime<Utc>) -> Option<(Uuid, DateTime<Utc>)> {
        let before = |time: Duration| {
            let time = chrono::TimeDelta::from_std(time).ok()?;
            now.checked_sub_signed(time).map(|moment| moment.max(DateTime::UNIX_EPOCH))
        };
        let done = before(self.done?)?;
        let dead = self.dead.and_then(before).unwrap_or(DateTime::UNIX_EPOCH);
        // An id begins with its milliseconds.
        let millis = u128::from(done.timestamp_millis().unsigned_abs());
        Some((Uuid::from_u128(millis << 80), dead))
    }
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
        let bound = |seconds| retention.bounds(at + chrono::TimeDelta::seconds(seconds)).unwrap().0;
        assert!(bound(59) < id && id < bound(61));
    }

    #[test]
    fn for_ever_and_absurd_times_clear_nothing() {
        let now = Utc::now();
        assert_eq!(Retention::forever().bounds(now), None);
        assert_eq!(Retention::new().done(Duration::MAX).bounds(now), None);
        let (_, dead) = Retention::new().dead(Duration::MAX).bounds(now).unwrap();
        assert_eq!(dead, DateTime::UNIX_EPOCH);
    }
}
