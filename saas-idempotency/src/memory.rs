//! Records in the memory of this process.

mod records;

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use futures_core::future::BoxFuture;

use self::records::{Kept, Put, Records};
use crate::store::{Attempt, Claimed, Lease, Outcome, Record, Store};
use crate::{Error, Reply};

/// Records in the memory of this process: for tests, and for a service that is one process.
///
/// It ends with the process, so that a retry after a restart executes again; and a second process
/// knows nothing of it.
///
/// It is bounded, by records and by bytes. Records that are expired make room; one that still counts
/// is never dropped, since its request would be executed again. Where nothing is expired, a new
/// claim is refused with [`Error::Store`] (503, try again), and a reply that does not fit is kept
/// as [`Outcome::NotKept`].
///
/// ```
/// use saas_idempotency::MemoryStore;
///
/// let store = MemoryStore::new().max_records(10_000).max_bytes(16 << 20);
/// assert_eq!((store.len(), store.bytes()), (0, 0));
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    records: Mutex<Records>,
}

impl MemoryStore {
    /// Takes up to 100,000 records and 128 MiB.
    pub fn new() -> Self {
        Self { records: Mutex::new(Records::bounded(100_000, 128 << 20)) }
    }

    /// The most records, expired ones among them.
    #[must_use]
    pub fn max_records(self, count: usize) -> Self {
        self.lock().max_records = count;
        self
    }

    /// The most bytes, as [`bytes`](Self::bytes) counts them.
    #[must_use]
    pub fn max_bytes(self, count: usize) -> Self {
        self.lock().max_bytes = count;
        self
    }

    /// How many records there are, swept or not.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much they take: headers and bodies to the byte, and for each record about what its place
    /// in two trees takes.
    pub fn bytes(&self) -> usize {
        self.lock().bytes()
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // What is copied, is copied outside the lock.
    fn put(&self, attempt: &Attempt, outcome: Option<&Outcome>) -> Result<Claimed, Error> {
        let outcome = outcome.map(Kept::of);
        let put = self.lock().put(attempt, outcome).map_err(|full| Error::Store(Box::new(full)))?;
        Ok(match put {
            Put::Won(attempt) => Claimed::Won { attempt },
            Put::Found(fingerprint, kept) => {
                let outcome = kept.map(Kept::outcome).transpose()?;
                Claimed::Found(Record { fingerprint, outcome })
            }
        })
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Kept {
    fn of(outcome: &Outcome) -> Self {
        let reply = match outcome {
            // To its size: a buffer that grew holds up to twice that.
            Outcome::Reply(reply) => Some(reply.encode().into_boxed_slice().into()),
            Outcome::NotKept { .. } => None,
        };
        Self { status: outcome.status(), reply }
    }

    fn outcome(self) -> Result<Outcome, Error> {
        Ok(match self.reply {
            Some(reply) => Outcome::Reply(Reply::decode(self.status, reply)?),
            None => Outcome::NotKept { status: self.status },
        })
    }
}

impl Store for MemoryStore {
    fn claim<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<Claimed, Error>> {
        Box::pin(async move { self.put(attempt, None) })
    }

    fn complete<'a>(
        &'a self,
        lease: &'a Lease,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let kept = Kept::of(outcome);
            Ok(self.lock().complete(lease, kept))
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { Ok(self.lock().release(lease)) })
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        until: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move { Ok(self.lock().renew(lease, until)) })
    }

    fn record<'a>(
        &'a self,
        attempt: &'a Attempt,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<Claimed, Error>> {
        Box::pin(async move { self.put(attempt, Some(outcome)) })
    }

    fn sweep(&self, now: DateTime<Utc>, limit: u32) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move { Ok(self.lock().sweep(now, limit)) })
    }
}
