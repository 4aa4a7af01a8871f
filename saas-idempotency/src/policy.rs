mod coverage;
mod flaw;
mod keeping;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use self::coverage::Decide;
pub use self::coverage::{Coverage, Route};
pub use self::keeping::Keep;
use self::keeping::Keeping;

/// What is covered, what is kept, and for how long.
///
/// ```
/// use std::time::Duration;
/// use saas_idempotency::Policy;
///
/// # fn main() -> Result<(), saas_idempotency::Error> {
/// let policy = Policy::default()
///     .retention(Duration::from_secs(7 * 86_400))
///     .release(400)                 // malformed input was answered before the handler ran
///     .optional()
///     .checked()?;                  // at the start, rather than at the first request
/// # Ok(()) }
/// ```
///
/// Routes that differ get a layer each, with a policy each; where that is clumsy,
/// [`routes`](Self::routes) decides by method and path.
#[derive(Clone)]
pub struct Policy {
    methods: Vec<Cow<'static, str>>,
    required: bool,
    routes: Option<Decide>,
    pub(crate) header: Cow<'static, str>,
    pub(crate) mount: Cow<'static, str>,
    pub(crate) documentation: Option<Cow<'static, str>>,
    pub(crate) anonymous: bool,
    pub(crate) request_cap: usize,
    pub(crate) response_cap: usize,
    keeping: Keeping,
    #[cfg(feature = "aead")]
    pub(crate) keys: Option<crate::SealingKeys>,
    retention: Duration,
    lease: Duration,
    heartbeat: Option<Duration>,
    pub(crate) wait: Duration,
    pub(crate) reply_wait: Option<Duration>,
    pub(crate) retry_after: Duration,
    pub(crate) store_timeout: Duration,
}

impl Default for Policy {
    /// POST and PATCH, key required, 1 MiB for each body, 24 hours of retention, a lease of 30
    /// seconds, 2 seconds of waiting for another's transaction, 5 seconds for the store.
    fn default() -> Self {
        Self {
            methods: vec!["POST".into(), "PATCH".into()],
            required: true,
            routes: None,
            header: "idempotency-key".into(),
            mount: "".into(),
            documentation: None,
            anonymous: false,
            request_cap: 1 << 20,
            response_cap: 1 << 20,
            keeping: Keeping::default(),
            #[cfg(feature = "aead")]
            keys: None,
            retention: Duration::from_secs(86_400),
            lease: Duration::from_secs(30),
            heartbeat: None,
            wait: Duration::from_secs(2),
            reply_wait: None,
            retry_after: Duration::from_secs(1),
            store_timeout: Duration::from_secs(5),
        }
    }
}

impl Policy {
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

    /// Where clients read about your keys: what the layer refuses with 400, 409 or 422 links to it,
    /// as the draft wants (section 2.7).
    #[must_use]
    pub fn documentation(mut self, url: impl Into<Cow<'static, str>>) -> Self {
        self.documentation = Some(url.into());
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

    /// Seals stored replies, headers and body: who reads the store alone does not read them, and a
    /// reply that was altered or moved there is answered 500, never executed again. The status
    /// stays readable.
    #[cfg(feature = "aead")]
    #[cfg_attr(docsrs, doc(cfg(feature = "aead")))]
    #[must_use]
    pub fn sealed(mut self, keys: crate::SealingKeys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// How long a record lives, counted from the claim; at least as long as the lease.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// How long a claim stands without a sign of life. After that another attempt takes over.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How often a lease is renewed while its handler runs; a third of the lease if not said.
    #[must_use]
    pub fn heartbeat(mut self, every: Duration) -> Self {
        self.heartbeat = Some(every);
        self
    }

    /// How long an attempt waits for another's transaction on the same key before it is answered
    /// 409. On PostgreSQL; SQLite's own `busy_timeout` bounds the same wait there.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// A duplicate of a request in progress waits this long for its reply before it is answered
    /// 409; if the first attempt ends without one that is kept, a duplicate that waits runs.
    ///
    /// In standalone mode it looks at the store ever less often, once a second in the end, and
    /// stops when its client goes. In atomic mode it waits in memory for those of
    /// its own process, and at the index, with its connection, for those of others.
    #[must_use]
    pub fn wait_for_reply(mut self, wait: Duration) -> Self {
        self.reply_wait = Some(wait);
        self
    }

    /// What `Retry-After` tells the loser of a race; whole seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, retry_after: Duration) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// How long the layer waits for one answer of its store, before it counts as down.
    #[must_use]
    pub fn store_timeout(mut self, timeout: Duration) -> Self {
        self.store_timeout = timeout;
        self
    }

    pub(crate) fn lease_until(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        later(now, self.lease)
    }

    pub(crate) fn expires_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        later(now, self.retention.max(self.lease))
    }

    /// How long an attempt waits for another's transaction.
    pub(crate) fn turn_wait(&self) -> Duration {
        self.wait.max(self.reply_wait.unwrap_or_default())
    }

    /// How often a lease is renewed.
    pub(crate) fn renewal(&self) -> Duration {
        self.heartbeat.unwrap_or(self.lease / 3)
    }
}

fn later(now: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    // Some centuries are as good as for ever, and every database can hold them.
    let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX).min(TimeDelta::days(365_000));
    saas_core::truncate_to_micros(now + by)
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("methods", &self.methods)
            .field("required", &self.required)
            .field("header", &self.header)
            .field("retention", &self.retention)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_outlives_its_lease_and_no_duration_overflows() {
        let now = DateTime::UNIX_EPOCH;
        let policy = Policy::default().retention(Duration::ZERO).lease(Duration::MAX);
        assert!(policy.lease_until(now) > now);
        assert_eq!(policy.lease_until(now), policy.expires_at(now));
    }

    #[test]
    fn a_lease_is_renewed_three_times_unless_told() {
        let policy = Policy::default().lease(Duration::from_secs(9));
        assert_eq!(policy.renewal(), Duration::from_secs(3));
        assert_eq!(policy.heartbeat(Duration::from_secs(1)).renewal(), Duration::from_secs(1));
    }
}
