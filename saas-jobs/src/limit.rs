use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{Error, text};

/// How much of one kind of work may go on, over all workers: so many jobs at once, and so many begun
/// in a period; of all tenants together, and of each.
///
/// A job is under the limit that [`Options::limit`](crate::Options::limit) names; a limit of a kind
/// is named in [`Job::options`](crate::Job::options). Workers are told what the name means by
/// [`Worker::limit`](crate::Worker::limit), or the database by
/// [`Queue::set_limit`](crate::Queue::set_limit). Jobs under a limit that nobody has told wait.
///
/// It holds exactly: claims under one limit take turns, and what runs is counted in the transaction
/// that claims. A job whose attempt failed is not counted while it waits for the next.
///
/// ```
/// use std::time::Duration;
/// use saas_jobs::Limit;
/// let limit = Limit::new("stripe").at_once(20).rate(100, Duration::from_secs(1)).at_once_per_tenant(2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    pub(crate) name: Cow<'static, str>,
    pub(crate) all: Bounds,
    pub(crate) tenant: Bounds,
}

/// What bounds jobs that are counted together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) at_once: Option<u32>,
    /// So many in so many microseconds.
    pub(crate) rate: Option<(u32, u64)>,
}

/// How far bounds are used up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Use {
    pub(crate) running: u64,
    /// `None` if nothing was ever taken.
    pub(crate) tokens: Option<f64>,
    pub(crate) refilled_at: Option<DateTime<Utc>>,
}

impl Limit {
    /// No bounds.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), all: Bounds::default(), tenant: Bounds::default() }
    }

    /// So many run at once, of all tenants together.
    #[must_use]
    pub fn at_once(mut self, jobs: u32) -> Self {
        self.all.at_once = Some(jobs);
        self
    }

    /// So many begin in a period, of all tenants together. Unused ones are saved up to one period's.
    #[must_use]
    pub fn rate(mut self, jobs: u32, per: Duration) -> Self {
        self.all.rate = Some((jobs, micros(per)));
        self
    }

    /// So many run at once of each tenant.
    #[must_use]
    pub fn at_once_per_tenant(mut self, jobs: u32) -> Self {
        self.tenant.at_once = Some(jobs);
        self
    }

    /// So many begin in a period of each tenant.
    #[must_use]
    pub fn rate_per_tenant(mut self, jobs: u32, per: Duration) -> Self {
        self.tenant.rate = Some((jobs, micros(per)));
        self
    }

    /// A name that the database takes.
    pub(crate) fn checked(&self) -> Result<(), Error> {
        text::checked("name of a limit", &self.name).map(drop)
    }
}

impl Bounds {
    /// What a rate has saved up by now.
    fn tokens(&self, used: &Use, now: DateTime<Utc>) -> Option<f64> {
        let (amount, per) = self.rate?;
        let full = f64::from(amount);
        let (Some(tokens), Some(since)) = (used.tokens, used.refilled_at) else {
            return Some(full);
        };
        // A clock that was set back refills nothing, and takes nothing.
        let passed = (now - since).num_microseconds().unwrap_or(i64::MAX).max(0) as f64;
        Some((tokens + passed * full / per.max(1) as f64).min(full))
    }

    /// How many more jobs may begin.
    pub(crate) fn allowance(&self, used: &Use, now: DateTime<Utc>) -> u64 {
        let slots =
            self.at_once.map_or(u64::MAX, |most| u64::from(most).saturating_sub(used.running));
        let tokens = self.tokens(used, now).map_or(u64::MAX, |tokens| tokens.max(0.0) as u64);
        slots.min(tokens)
    }

    /// The tokens that are left once so many jobs have begun; `None` without a rate.
    pub(crate) fn after(&self, used: &Use, begun: usize, now: DateTime<Utc>) -> Option<f64> {
        self.tokens(used, now).map(|tokens| tokens - begun as f64)
    }
}

fn micros(time: Duration) -> u64 {
    const MOST: u64 = i64::MAX.unsigned_abs();
    u64::try_from(time.as_micros()).unwrap_or(MOST).clamp(1, MOST)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn fresh(running: u64) -> Use {
        Use { running, tokens: None, refilled_at: None }
    }

    #[test]
    fn the_tighter_bound_counts() {
        let limit = Limit::new("x").at_once(4).rate(2, Duration::from_secs(1));
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(limit.all.allowance(&fresh(0), now), 2);
        assert_eq!(limit.all.allowance(&fresh(3), now), 1);
        assert_eq!(limit.all.allowance(&fresh(9), now), 0);
        assert_eq!(limit.tenant.allowance(&fresh(9), now), u64::MAX);
    }

    #[test]
    fn a_rate_of_nothing_lets_nothing_through() {
        let limit = Limit::new("x").rate(0, Duration::ZERO);
        assert_eq!(limit.all.allowance(&fresh(0), DateTime::UNIX_EPOCH), 0);
    }

    proptest! {
        #[test]
        fn no_period_begins_more_than_two_periods_worth(
            amount in 1_u32..50, steps in prop::collection::vec((0_i64..2_000, 0_u64..60), 1..80),
        ) {
            let bounds = Limit::new("x").rate(amount, Duration::from_secs(1)).all;
            let (mut now, mut used) = (DateTime::UNIX_EPOCH, fresh(0));
            let mut begun: Vec<(DateTime<Utc>, u64)> = Vec::new();
            for (millis, wanted) in steps {
                now += TimeDelta::milliseconds(millis);
                let jobs = bounds.allowance(&used, now).min(wanted);
                let tokens = bounds.after(&used, usize::try_from(jobs).unwrap(), now);
                prop_assert!(tokens.is_some_and(|tokens| tokens >= 0.0));
                used = Use { running: 0, tokens, refilled_at: Some(now) };
                begun.push((now, jobs));
                let within = begun.iter().filter(|(at, _)| now - *at < TimeDelta::seconds(1));
                prop_assert!(within.map(|(_, jobs)| jobs).sum::<u64>() <= 2 * u64::from(amount));
            }
        }
    }
}
