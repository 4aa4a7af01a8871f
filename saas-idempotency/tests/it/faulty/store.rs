use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};
use futures_core::future::BoxFuture;
use saas_idempotency::{
    Attempt, Claimed, Error, Lease, MemoryStore, Outcome, Record, RecordId, Reply, Store,
};

use super::Fault;
use super::Fault::*;

/// A sound store behind one fault.
#[derive(Debug)]
pub(super) struct Faulty {
    fault: Fault,
    sound: MemoryStore,
    holders: Mutex<HashMap<RecordId, Lease>>,
    first_of_digest: Mutex<HashMap<[u8; 32], RecordId>>,
    known: Mutex<HashSet<RecordId>>,
}

impl Faulty {
    pub(super) fn new(fault: Fault) -> Self {
        let sound = MemoryStore::new();
        let (holders, first_of_digest, known) = Default::default();
        Self { fault, sound, holders, first_of_digest, known }
    }

    fn twist(&self, lease: &Lease) -> Lease {
        let mut lease = *lease;
        if self.fault == IgnoresTenants {
            let mut first = self.first_of_digest.lock().unwrap();
            lease.id = *first.entry(*lease.id.digest()).or_insert(lease.id);
        }
        lease
    }

    /// What ends a record is given the token of whoever holds it.
    fn unlock(&self, lease: &Lease) -> Lease {
        let lease = self.twist(lease);
        match self.fault {
            ForgetsTokens => self.holder(lease.id).unwrap_or(lease),
            _ => lease,
        }
    }

    fn holder(&self, id: RecordId) -> Option<Lease> {
        self.holders.lock().unwrap().get(&id).copied()
    }

    async fn put(&self, asked: &Attempt, outcome: Option<&Outcome>) -> Result<Claimed, Error> {
        let mut attempt = asked.clone();
        attempt.lease = self.twist(&asked.lease);
        match self.fault {
            NeverExpires => attempt.expires_at = DateTime::<Utc>::MAX_UTC,
            ExpiresEarly => attempt.expires_at -= TimeDelta::seconds(10),
            LooksThenActs if !self.known.lock().unwrap().contains(&attempt.lease.id) => {
                tokio::task::yield_now().await;
                self.known.lock().unwrap().insert(attempt.lease.id);
                if let Some(rival) = self.holder(attempt.lease.id) {
                    self.sound.release(&rival).await?;
                }
            }
            RecordsOverOthers if outcome.is_some() => {
                if let Some(other) = self.holder(attempt.lease.id) {
                    self.sound.release(&other).await?;
                }
            }
            _ => {}
        }
        let mut answer = self.ask(&attempt, outcome).await?;
        match (self.fault, &mut answer) {
            (TakesOverOtherRequests, Claimed::Found(Record { fingerprint, outcome: None })) => {
                attempt.fingerprint = *fingerprint;
                answer = self.ask(&attempt, outcome).await?;
            }
            (ExtendsWhatItFinds, Claimed::Found(_)) => {
                let holder = self.holder(attempt.lease.id).unwrap_or(attempt.lease);
                self.sound.renew(&holder, attempt.lease_until).await?;
            }
            (NamesTheAskersRequest, Claimed::Found(record)) => {
                record.fingerprint = attempt.fingerprint;
            }
            (CountsFromOne, Claimed::Won { attempt }) => *attempt = 1,
            _ => {}
        }
        if matches!(answer, Claimed::Won { .. }) {
            self.holders.lock().unwrap().insert(attempt.lease.id, attempt.lease);
        }
        Ok(answer)
    }

    async fn ask(&self, attempt: &Attempt, outcome: Option<&Outcome>) -> Result<Claimed, Error> {
        match outcome {
            Some(outcome) => self.sound.record(attempt, outcome).await,
            None => self.sound.claim(attempt).await,
        }
    }

    fn spoil(&self, outcome: &Outcome) -> Outcome {
        match (self.fault, outcome) {
            (CutsBodies, Outcome::Reply(reply)) => {
                let body = reply.body().slice(..reply.body().len().min(1 << 16));
                Outcome::Reply(reply.clone().with_body(body))
            }
            (LosesHeaders, Outcome::Reply(reply)) => {
                Outcome::Reply(Reply::new(reply.status()).with_body(reply.body().clone()))
            }
            (TakesEmptyForNotKept, Outcome::Reply(reply)) if reply.body().is_empty() => {
                Outcome::NotKept { status: reply.status() }
            }
            _ => outcome.clone(),
        }
    }
}

impl Store for Faulty {
    fn claim<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<Claimed, Error>> {
        Box::pin(self.put(attempt, None))
    }

    fn complete<'a>(
        &'a self,
        lease: &'a Lease,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            match self.fault {
                LosesOutcomes => Ok(true),
                _ => self.sound.complete(&self.unlock(lease), &self.spoil(outcome)).await,
            }
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            match self.fault {
                ReleasesNothing => Ok(true),
                _ => self.sound.release(&self.unlock(lease)).await,
            }
        })
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        until: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            match self.fault {
                RenewsNothing => Ok(true),
                _ => self.sound.renew(&self.unlock(lease), until).await,
            }
        })
    }

    fn record<'a>(
        &'a self,
        attempt: &'a Attempt,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<Claimed, Error>> {
        Box::pin(self.put(attempt, Some(outcome)))
    }

    fn sweep(&self, now: DateTime<Utc>, limit: u32) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move {
            match self.fault {
                SweepsNothing => Ok(0),
                SweepsBeyondTheLimit => self.sound.sweep(now, u32::MAX).await,
                SweepsWhatCounts => self.sound.sweep(now + TimeDelta::seconds(150), limit).await,
                _ => self.sound.sweep(now, limit).await,
            }
        })
    }
}
