use std::time::Duration;

/// How long to wait before the next attempt: exponential, capped, with jitter.
///
/// ```
/// use std::time::Duration;
/// use saas_jobs::Backoff;
///
/// let backoff = Backoff::new(Duration::from_secs(1)).cap(Duration::from_secs(10)).jitter(0.0);
/// let waits: Vec<_> = (1..=6).map(|attempt| backoff.wait(attempt, 0.5).as_secs()).collect();
/// assert_eq!(waits, [1, 2, 4, 8, 10, 10]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    first: Duration,
    factor: f64,
    cap: Duration,
    jitter: f64,
}

impl Default for Backoff {
    /// Two seconds, doubling up to six hours, a fifth of it at random: twenty attempts span about a
    /// day and a half.
    fn default() -> Self {
        Self::new(Duration::from_secs(2))
    }
}

impl Backoff {
    /// Waits `first` after the first failure and doubles from there, up to six hours, with a
    /// jitter of 0.2.
    pub fn new(first: Duration) -> Self {
        Self { first, factor: 2.0, cap: Duration::from_secs(6 * 3600), jitter: 0.2 }
    }

    /// The same wait after each failure.
    pub fn constant(wait: Duration) -> Self {
        Self { factor: 1.0, ..Self::new(wait) }.cap(wait)
    }

    /// By what a wait is longer than the one before; less than 1 counts as 1.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor.max(1.0);
        self
    }

    /// The longest wait, before jitter.
    #[must_use]
    pub fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// Which part of a wait is random, 0 to 1: a wait of 10 s with 0.2 is between 8 and 12 s, so
    /// that jobs which failed together do not come back together.
    #[must_use]
    pub fn jitter(mut self, part: f64) -> Self {
        self.jitter = part.clamp(0.0, 1.0);
        self
    }

    /// The wait after failed attempt number `attempt`, counted from 1, with `random` from 0 to 1.
    pub fn wait(&self, attempt: u16, random: f64) -> Duration {
        let exponent = i32::from(attempt.max(1)) - 1;
        let cap = self.cap.as_secs_f64();
        // Not infinite, since nothing would be that long if the first wait is none.
        let factor = self.factor.powi(exponent).min(f64::MAX);
        let wait = (self.first.as_secs_f64() * factor).min(cap);
        let spread = 1.0 + self.jitter * (2.0 * random.clamp(0.0, 1.0) - 1.0);
        Duration::try_from_secs_f64(wait * spread).unwrap_or(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wait_stays_within_cap_and_jitter(
            first in 0u64..100_000, factor in 0.0f64..10.0, cap in 0u64..1_000_000,
            jitter in 0.0f64..1.0, attempt: u16, random in 0.0f64..1.0,
        ) {
            let backoff = Backoff::new(Duration::from_millis(first))
                .factor(factor).cap(Duration::from_millis(cap)).jitter(jitter);
            let most = Duration::from_millis(cap).mul_f64(1.0 + jitter);
            prop_assert!(backoff.wait(attempt, random) <= most + Duration::from_nanos(10));
        }

        #[test]
        fn no_wait_stays_none(attempt: u16, random in 0.0f64..1.0) {
            prop_assert_eq!(Backoff::new(Duration::ZERO).wait(attempt, random), Duration::ZERO);
        }

        #[test]
        fn without_jitter_a_later_wait_is_never_shorter(attempt in 1u16..1000, random in 0.0f64..1.0) {
            let backoff = Backoff::default().jitter(0.0);
            prop_assert!(backoff.wait(attempt, random) <= backoff.wait(attempt + 1, random));
        }
    }
}
