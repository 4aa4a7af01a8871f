use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};

/// Tells the time.
///
/// Every component that needs the time takes one, so that a test can turn it by hand. Values have
/// microseconds at most: what PostgreSQL keeps, so a value read back equals the value written.
pub trait Clock: Send + Sync + Debug {
    /// The present moment in UTC, in whole microseconds.
    fn now(&self) -> DateTime<Utc>;
}

/// Cuts a moment to whole microseconds, the precision of PostgreSQL's `timestamptz`.
///
/// ```
/// use chrono::{DateTime, Utc};
/// let fine: DateTime<Utc> = "2026-01-02T03:04:05.123456789Z".parse().unwrap();
/// assert_eq!(saas_core::truncate_to_micros(fine).to_rfc3339(), "2026-01-02T03:04:05.123456+00:00");
/// ```
pub fn truncate_to_micros(moment: DateTime<Utc>) -> DateTime<Utc> {
    moment.trunc_subsecs(6)
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        truncate_to_micros(Utc::now())
    }
}

/// A clock that stands still until a test turns it.
///
/// ```
/// use std::time::Duration;
/// use saas_core::{Clock, ManualClock};
///
/// let clock = ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap());
/// clock.advance(Duration::from_secs(90));
/// assert_eq!(clock.now().to_rfc3339(), "2026-01-01T00:01:30+00:00");
/// ```
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that shows `moment`.
    pub fn at(moment: DateTime<Utc>) -> Self {
        Self(Mutex::new(truncate_to_micros(moment)))
    }

    /// Turns the clock to `moment`, forward or back.
    pub fn set(&self, moment: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = truncate_to_micros(moment);
    }

    /// Turns the clock forward; a step beyond chrono's range leaves it at the end of time.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let later = chrono::TimeDelta::from_std(by)
            .ok()
            .and_then(|by| now.checked_add_signed(by))
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        *now = truncate_to_micros(later);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
