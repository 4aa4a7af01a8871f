//! Ids of new jobs. One tells when its job was made, by the queue's clock, and is greater than the one
//! before it.

use std::sync::Mutex;

use chrono::{DateTime, Utc};
use uuid::{ContextV7, Timestamp, Uuid};

use crate::JobId;

/// Where a queue's ids come from.
#[derive(Debug)]
pub(crate) enum Ids {
    /// The machine's clock; ascending over all queues of the process.
    Machine,
    /// A clock that may stand still.
    Told(Mutex<ContextV7>),
}

impl Ids {
    pub(crate) fn told() -> Self {
        Self::Told(Mutex::new(ContextV7::new()))
    }

    pub(crate) fn next(&self, now: DateTime<Utc>) -> JobId {
        let Self::Told(context) = self else { return JobId::new() };
        // An id cannot tell of a time before 1970.
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        let moment = Timestamp::from_unix(context, seconds, now.timestamp_subsec_nanos());
        JobId::from_uuid(Uuid::new_v7(moment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_ascend_while_the_clock_stands_still_and_tell_its_time() {
        let ids = Ids::told();
        let now: DateTime<Utc> = "2020-01-02T03:04:05.678Z".parse().unwrap();
        let made: Vec<_> = (0..10_000).map(|_| ids.next(now)).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        assert_eq!(made[0].created_at(), Some(now));
        // A clock that is turned back, and one at the end of the calendar.
        assert!(ids.next(DateTime::<Utc>::MIN_UTC) > made[9_999]);
        ids.next(DateTime::<Utc>::MAX_UTC);
    }
}
