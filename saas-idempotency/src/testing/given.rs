//! What the rules are made of.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::fingerprint::Unfinished;
use crate::store::{Attempt, Claimed, Lease, Outcome, Record, Store};
use crate::{Fingerprint, RecordId, Reply};

/// The first attempt at a record that nobody else has: now is [`after(0)`](after), the lease lapses
/// after 30 seconds, the record expires after 3600.
pub fn attempt() -> Attempt {
    at(0, RecordId::random(), print("request"))
}

/// The same request once more, with a token of its own, so many seconds after the first.
pub fn retry(of: &Attempt, seconds: i64) -> Attempt {
    at(seconds, of.lease.id, of.fingerprint)
}

/// Another request under the same key.
pub fn other(of: &Attempt, seconds: i64) -> Attempt {
    at(seconds, of.lease.id, print("other"))
}

/// The suite's present, and so many seconds later.
pub fn after(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(40_000) + TimeDelta::seconds(seconds)
}

fn at(seconds: i64, id: RecordId, fingerprint: Fingerprint) -> Attempt {
    Attempt {
        lease: Lease { id, token: Uuid::new_v4() },
        fingerprint,
        now: after(seconds),
        lease_until: after(seconds + 30),
        expires_at: after(seconds + 3600),
        wait: Duration::from_secs(2),
    }
}

fn print(request: &str) -> Fingerprint {
    Unfinished::new("POST", "", "/", None).with_body(request.as_bytes())
}

/// A reply that tells whose it is.
pub(super) fn reply(body: &'static str) -> Outcome {
    Outcome::Reply(Reply::new(201).with_body(body))
}

pub(super) const fn won(attempt: u32) -> Claimed {
    Claimed::Won { attempt }
}

/// What is found while this attempt runs.
pub(super) fn running(attempt: &Attempt) -> Claimed {
    Claimed::Found(Record { fingerprint: attempt.fingerprint, outcome: None })
}

/// What is found when it is done.
pub(super) fn done(attempt: &Attempt, outcome: &Outcome) -> Claimed {
    Claimed::Found(Record { fingerprint: attempt.fingerprint, outcome: Some(outcome.clone()) })
}

/// An attempt that won.
pub(super) async fn claimed(store: &dyn Store) -> Attempt {
    let first = attempt();
    assert_eq!(store.claim(&first).await.unwrap(), won(1));
    first
}

/// An attempt that won and ended with this.
pub(super) async fn completed(store: &dyn Store, outcome: &Outcome) -> Attempt {
    let first = claimed(store).await;
    assert!(store.complete(&first.lease, outcome).await.unwrap());
    first
}
