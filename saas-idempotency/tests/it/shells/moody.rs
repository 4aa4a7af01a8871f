//! A store that does its work, or not, as it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use saas_idempotency::{Attempt, Claimed, Error, Lease, MemoryStore, Outcome, Store};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Mood {
    Well,
    /// Says at once that it cannot.
    Down,
    /// Never says anything.
    Silent,
    /// Does it at once, and is silent about it for long.
    Slow,
}

/// Its mood for each kind of call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moods {
    pub(crate) claim: Mood,
    pub(crate) end: Mood,
    pub(crate) renew: Mood,
}

#[derive(Debug, Clone)]
pub(crate) struct Moody {
    store: Arc<MemoryStore>,
    moods: Arc<Mutex<Moods>>,
}

impl Moods {
    pub(crate) const WELL: Self = Self { claim: Mood::Well, end: Mood::Well, renew: Mood::Well };
}

impl Moody {
    pub(crate) fn new(moods: Moods) -> Self {
        Self { store: Arc::new(MemoryStore::new()), moods: Arc::new(Mutex::new(moods)) }
    }

    pub(crate) fn set(&self, moods: Moods) {
        *self.moods.lock().unwrap() = moods;
    }

    fn moods(&self) -> Moods {
        *self.moods.lock().unwrap()
    }
}

fn felt<'a, T: Send + 'a>(
    mood: Mood,
    call: BoxFuture<'a, Result<T, Error>>,
) -> BoxFuture<'a, Result<T, Error>> {
    Box::pin(async move {
        match mood {
            Mood::Well => call.await,
            Mood::Down => Err(Error::Store("down".into())),
            Mood::Silent => std::future::pending().await,
            Mood::Slow => {
                let done = call.await;
                tokio::time::sleep(Duration::from_secs(60)).await;
                done
            }
        }
    })
}

impl Store for Moody {
    fn claim<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<Claimed, Error>> {
        felt(self.moods().claim, self.store.claim(attempt))
    }
    fn complete<'a>(
        &'a self,
        lease: &'a Lease,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        felt(self.moods().end, self.store.complete(lease, outcome))
    }
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, Error>> {
        felt(self.moods().end, self.store.release(lease))
    }
    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        until: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        felt(self.moods().renew, self.store.renew(lease, until))
    }
    fn record<'a>(
        &'a self,
        attempt: &'a Attempt,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<Claimed, Error>> {
        felt(self.moods().end, self.store.record(attempt, outcome))
    }
    fn sweep(&self, now: DateTime<Utc>, limit: u32) -> BoxFuture<'_, Result<u64, Error>> {
        self.store.sweep(now, limit)
    }
}
