use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_core::future::BoxFuture;
use uuid::Uuid;

use crate::{Error, Fingerprint, RecordId, Reply};

/// Where records are kept.
///
/// Anyone can write one; `testing::store` (feature `testing`) is the suite that it must pass. A
/// store decides nothing and reads no clock: whatever depends on time or chance comes as a value.
///
/// A record is *running* (claimed, with a token and a lease) or *done* (with an [`Outcome`]). Seen
/// at a moment `now`, a record is **absent** if it is not there, or if `expires_at <= now` and it is
/// done or its lease has lapsed (`lease_until <= now`). Whether a sweep came by makes no
/// difference.
///
/// Each call is atomic. An error means that nothing is known about whether it took effect; callers
/// then never run the request on the strength of it. What a store holds but cannot read, since
/// another release wrote it, is [`Error::Unreadable`], never absent.
pub trait Store: Send + Sync + Debug {
    /// Claims the record where it is absent, where it is running with the same fingerprint and a
    /// lapsed lease, or where it is running with this very token: to ask twice is to ask once.
    /// Otherwise tells what is there, and then writes nothing.
    ///
    /// Of any number of claims at once exactly one wins.
    fn claim<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<Claimed, Error>>;

    /// Ends a running record that still has this lease's token, be it lapsed or expired. `false`: it
    /// has not, for another attempt took over; nothing was written.
    ///
    /// A store without room for a reply may keep [`Outcome::NotKept`] in its place.
    fn complete<'a>(
        &'a self,
        lease: &'a Lease,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<bool, Error>>;

    /// Removes a running record that still has this lease's token. `false`: it has not.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, Error>>;

    /// Moves the end of the lease of a running record that still has its token. `false`: it has not.
    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        until: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, Error>>;

    /// Claims and completes in one: records an outcome that was decided without a claim, where
    /// [`claim`](Self::claim) would have won.
    fn record<'a>(
        &'a self,
        attempt: &'a Attempt,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<Claimed, Error>>;

    /// Removes up to `limit` records that are absent at `now`, and tells how many. Sweepers that run
    /// at once do not wait for each other. Call it again while it returns `limit`. A store that
    /// forgets by itself what no longer counts returns 0.
    fn sweep(&self, now: DateTime<Utc>, limit: u32) -> BoxFuture<'_, Result<u64, Error>>;
}

/// One attempt at a request: what [`Store::claim`] is asked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Attempt {
    /// The record, and the token that this attempt holds if it wins.
    pub lease: Lease,
    /// What is asked.
    pub fingerprint: Fingerprint,
    /// The present.
    pub now: DateTime<Utc>,
    /// When the lease lapses unless it is renewed.
    pub lease_until: DateTime<Utc>,
    /// When the record expires.
    pub expires_at: DateTime<Utc>,
    /// How long to wait for a transaction that holds the record; then [`Error::InProgress`]. Where
    /// there are no transactions there is nothing to wait for.
    pub wait: Duration,
}

/// The right to end a record: its token is of one attempt alone.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Lease {
    /// The record.
    pub id: RecordId,
    /// Random, so that no later attempt has the same.
    pub token: Uuid,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With this reply.
    Reply(Reply),
    /// With a response of this status that was not kept: too large, or a stream.
    NotKept {
        /// The status.
        status: u16,
    },
}

impl Outcome {
    /// The status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Reply(reply) => reply.status(),
            Self::NotKept { status } => *status,
        }
    }

    /// The reply to be stored, within a cap in bytes.
    #[cfg(any(feature = "shell", feature = "sqlx"))]
    pub(crate) fn of(reply: Reply, cap: usize) -> Self {
        if reply.body().len() > cap {
            return Self::NotKept { status: reply.status() };
        }
        Self::Reply(reply.storable())
    }
}

/// What a claim came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Claimed {
    /// The record is this attempt's.
    Won {
        /// 1 for the first attempt; more where lapsed ones came before, whose effects are unknown.
        attempt: u32,
    },
    /// The record is another's.
    Found(Record),
}

/// A record as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What its request asked.
    pub fingerprint: Fingerprint,
    /// How it ended; `None` while it runs.
    pub outcome: Option<Outcome>,
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn claim<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<Claimed, Error>> {
        (**self).claim(attempt)
    }
    fn complete<'a>(
        &'a self,
        lease: &'a Lease,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        (**self).complete(lease, outcome)
    }
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, Error>> {
        (**self).release(lease)
    }
    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        until: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        (**self).renew(lease, until)
    }
    fn record<'a>(
        &'a self,
        attempt: &'a Attempt,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<Claimed, Error>> {
        (**self).record(attempt, outcome)
    }
    fn sweep(&self, now: DateTime<Utc>, limit: u32) -> BoxFuture<'_, Result<u64, Error>> {
        (**self).sweep(now, limit)
    }
}
