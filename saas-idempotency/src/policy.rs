use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// What is covered, what is kept, and for how long.
///
/// ```
/// use std::time::Duration;
/// use saas_idempotency::Policy;
///
/// let policy = Policy::default()
///     .retention(Duration::from_secs(7 * 86_400))
///     .release(400)                 // malformed input was answered before the handler ran
///     .optional();
/// ```
#[derive(Debug, Clone)]
pub struct Policy {
    methods: Vec<Cow<'static, str>>,
    pub(crate) header: Cow<'static, str>,
    pub(crate) mount: Cow<'static, str>,
    pub(crate) required: bool,
    pub(crate) anonymous: bool,
    pub(crate) request_cap: usize,
    pub(crate) response_cap: usize,
    keeps_everything: bool,
    statuses: BTreeMap<u16, bool>,
    retention: Duration,
    lease: Duration,
    pub(crate) wait: Duration,
    pub(crate) retry_after: Duration,
}

/// A handler's word on its own response, stronger than the policy. Put it into the response's
/// extensions; with axum, `(Keep::No, response)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Record the response: every retry gets it.
    Yes,
    /// Forget the key: a retry runs the handler again.
    No,
}

impl Default for Policy {
    /// POST and PATCH, key required, 1 MiB for each body, 24 hours of retention, a lease of 30
    /// seconds, 2 seconds of waiting.
    fn default() -> Self {
        Self {
            methods: vec!["POST".into(), "PATCH".into()],
            header: "idempotency-key".into(),
            mount: "".into(),
            required: true,
            anonymous: false,
            request_cap: 1 << 20,
            response_cap: 1 << 20,
            keeps_everything: false,
            statuses: BTreeMap::new(),
            retention: Duration::from_secs(86_400),
            lease: Duration::from_secs(30),
            wait: Duration::from_secs(2),
            retry_after: Duration::from_secs(1),
        }
    }
}

impl Policy {
    /// Keeps every outcome, failures too, as Stripe's v1 API does.
    pub fn stripe_v1() -> Self {
        Self { keeps_everything: true, ..Self::default() }
    }

    /// Which methods are covered. All others pass untouched and unbuffered.
    #[must_use]
    pub fn methods<M: Into<Cow<'static, str>>>(
        mut self,
        methods: impl IntoIterator<Item = M>,
    ) -> Self {
        self.methods = methods.into_iter().map(Into::into).collect();
        self
    }

    /// The name of the header, `idempotency-key` by default.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.header = name.into();
        self
    }

    /// The path in front of what the layer sees. A router that strips a prefix before the layer
    /// runs (axum's `nest`, with the layer inside) makes two mounts look alike; name each.
    #[must_use]
    pub fn mount(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        self.mount = path.into();
        self
    }

    /// A request without a key passes, uncovered; without this it is answered 400.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// Takes requests of [`Scope::anonymous`](crate::Scope::anonymous).
    #[must_use]
    pub fn allow_anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// The largest request body with a key, in bytes; beyond it 413.
    #[must_use]
    pub fn request_cap(mut self, bytes: usize) -> Self {
        self.request_cap = bytes;
        self
    }

    /// The largest response body that is stored, in bytes. Beyond it the first caller gets
    /// everything and a retry is told that the request was executed.
    #[must_use]
    pub fn response_cap(mut self, bytes: usize) -> Self {
        self.response_cap = bytes;
        self
    }

    /// Records responses of this status.
    #[must_use]
    pub fn keep(mut self, status: u16) -> Self {
        self.statuses.insert(status, true);
        self
    }

    /// Forgets the key where the response has this status, so that a retry runs.
    #[must_use]
    pub fn release(mut self, status: u16) -> Self {
        self.statuses.insert(status, false);
        self
    }

    /// How long a record lives, counted from the claim; at least as long as the lease.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// How long a claim stands without a sign of life; it is renewed three times as often. After
    /// that another attempt takes over.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How long an attempt waits for another's transaction on the same key before it is answered
    /// 409. On PostgreSQL; SQLite's own `busy_timeout` bounds the same wait there.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// What `Retry-After` tells the loser of a race; whole seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, retry_after: Duration) -> Self {
        self.retry_after = retry_after;
        self
    }

    pub(crate) fn covers(&self, method: &str) -> bool {
        self.methods.iter().any(|covered| covered == method)
    }

    /// Whether a response of this status is recorded.
    pub(crate) fn keeps(&self, status: u16, word: Option<Keep>) -> bool {
        match word {
            Some(word) => word == Keep::Yes,
            None => {
                self.statuses.get(&status).copied().unwrap_or_else(|| self.keeps_by_default(status))
            }
        }
    }

    fn keeps_by_default(&self, status: u16) -> bool {
        match status {
            ..200 => false,
            _ if self.keeps_everything => true,
            // The client can mend these, or time does, without a new key.
            401 | 403 | 408 | 413 | 421 | 425 | 429 => false,
            200..=499 => true,
            _ => false,
        }
    }

    pub(crate) fn lease_until(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        later(now, self.lease)
    }

    pub(crate) fn expires_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        later(now, self.retention.max(self.lease))
    }

    /// How often a lease is renewed.
    #[cfg(feature = "tower")]
    pub(crate) fn heartbeat(&self) -> Duration {
        self.lease / 3
    }
}

fn later(now: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    // Some centuries are as good as for ever, and every database can hold them.
    let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX).min(TimeDelta::days(365_000));
    saas_core::truncate_to_micros(now + by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_redirects_and_final_client_errors_are_kept() {
        let policy = Policy::default();
        for status in [200, 201, 202, 204, 302, 303, 400, 404, 409, 410, 412, 415, 422] {
            assert!(policy.keeps(status, None), "{status}");
        }
        for status in [101, 401, 403, 408, 413, 421, 425, 429, 500, 502, 503, 504, 599] {
            assert!(!policy.keeps(status, None), "{status}");
        }
    }

    #[test]
    fn stripes_preset_keeps_failures() {
        for status in [200, 401, 429, 500, 503] {
            assert!(Policy::stripe_v1().keeps(status, None), "{status}");
        }
    }

    #[test]
    fn the_handler_overrules_the_policy_and_the_policy_the_default() {
        let policy = Policy::default().release(404).keep(503);
        assert!(!policy.keeps(404, None) && policy.keeps(503, None));
        assert!(policy.keeps(404, Some(Keep::Yes)) && !policy.keeps(201, Some(Keep::No)));
    }

    #[test]
    fn only_post_and_patch_are_covered_unless_told() {
        let policy = Policy::default();
        assert!(policy.covers("POST") && policy.covers("PATCH"));
        assert!(!policy.covers("GET") && !policy.covers("PUT") && !policy.covers("DELETE"));
        assert!(Policy::default().methods(["DELETE"]).covers("DELETE"));
    }

    #[test]
    fn a_record_outlives_its_lease_and_no_duration_overflows() {
        let now = DateTime::UNIX_EPOCH;
        let policy = Policy::default().retention(Duration::ZERO).lease(Duration::MAX);
        assert!(policy.lease_until(now) > now);
        assert_eq!(policy.lease_until(now), policy.expires_at(now));
    }
}
