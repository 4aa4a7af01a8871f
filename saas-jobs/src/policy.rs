use std::time::Duration;

use crate::Backoff;

/// How the jobs of one kind are run: the worker's side of a kind, never stored.
///
/// ```
/// use std::time::Duration;
/// use saas_jobs::{Backoff, Policy};
/// let policy = Policy::new().timeout(Duration::from_secs(30)).backoff(Backoff::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    pub(crate) backoff: Backoff,
    pub(crate) timeout: Option<Duration>,
}

impl Default for Policy {
    /// The default [`Backoff`] and a timeout of ten minutes.
    fn default() -> Self {
        Self { backoff: Backoff::default(), timeout: Some(Duration::from_secs(600)) }
    }
}

impl Policy {
    /// The default policy.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long to wait before another attempt.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How long one attempt may take; then its future is dropped and the attempt has failed.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Lets an attempt take as long as it takes.
    #[must_use]
    pub fn no_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_takes_ten_minutes_or_as_long_as_it_may() {
        let minute = Duration::from_secs(60);
        assert_eq!(Policy::new().timeout, Some(10 * minute));
        assert_eq!(Policy::new().timeout(minute).timeout, Some(minute));
        assert_eq!(Policy::new().timeout(minute).no_timeout().timeout, None);
    }
}
