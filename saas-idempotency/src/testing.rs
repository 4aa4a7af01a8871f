//! The suite that every [`Store`] passes, for those who write one.
//!
//! ```no_run
//! # use saas_idempotency::{Store, testing};
//! async fn my_store_keeps_its_word(store: impl Store) {
//!     testing::store(&store).await;
//!     testing::races(&store, 12, 100).await;
//! }
//! ```
//!
//! Every check works on records of its own, so that any number run at once on one store.

#![allow(clippy::panic, clippy::unwrap_used)] // A suite ends by a panic.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use uuid::Uuid;

use crate::fingerprint::Unfinished;
use crate::store::{Attempt, Claimed, Lease, Outcome, Record, Store};
use crate::{Fingerprint, RecordId, Reply};

/// Every rule that one caller can see.
pub async fn store(store: &dyn Store) {
    the_first_claim_wins_and_the_second_finds_it_running(store).await;
    what_is_completed_is_found_to_the_byte(store).await;
    a_response_that_was_not_kept_leaves_its_status(store).await;
    equal_digests_of_two_tenants_are_strangers(store).await;
    a_released_record_is_absent(store).await;
    a_lapsed_lease_is_taken_over_by_the_same_request_only(store).await;
    a_renewed_lease_does_not_lapse(store).await;
    who_lost_its_lease_is_fenced_out(store).await;
    a_record_is_completed_once(store).await;
    an_expired_record_is_absent_unless_it_runs(store).await;
    an_outcome_is_recorded_without_a_claim(store).await;
    an_outcome_is_not_recorded_over_another(store).await;
    an_outcome_is_recorded_with_the_token_of_the_claim(store).await;
    sweeping_removes_what_is_absent_in_batches(store).await;
}

/// `contenders` claims at once, `rounds` times: one winner each, and everybody else finds it; the
/// same for lapsed leases, and for outcomes recorded without a claim.
pub async fn races(store: &dyn Store, contenders: usize, rounds: usize) {
    for _ in 0..rounds {
        let id = RecordId::random();
        one_of(store, (0..contenders).map(|_| attempt(id)).collect(), 1, false).await;
        let late = || Attempt { now: after(31), lease_until: after(61), ..attempt(id) };
        one_of(store, (0..contenders).map(|_| late()).collect(), 2, false).await;
        let fresh = RecordId::random();
        one_of(store, (0..contenders).map(|_| attempt(fresh)).collect(), 1, true).await;
    }
}

async fn one_of(store: &dyn Store, attempts: Vec<Attempt>, number: u32, record: bool) {
    let outcome = Outcome::Reply(Reply::new(201));
    let claims = attempts.iter().map(|attempt| async {
        match record {
            true => store.record(attempt, &outcome).await.unwrap(),
            false => store.claim(attempt).await.unwrap(),
        }
    });
    let claimed = join_all(claims).await;
    let won = |claimed: &&Claimed| matches!(claimed, Claimed::Won { .. });
    assert_eq!(claimed.iter().filter(won).count(), 1, "one winner");
    let found =
        Record { fingerprint: attempts[0].fingerprint, outcome: record.then(|| outcome.clone()) };
    for claimed in claimed {
        assert!(
            claimed == Claimed::Won { attempt: number } || claimed == Claimed::Found(found.clone()),
            "everybody else finds the winner, not {claimed:?}",
        );
    }
}

/// Equal fingerprints, two attempts.
pub async fn the_first_claim_wins_and_the_second_finds_it_running(store: &dyn Store) {
    let id = RecordId::random();
    assert_eq!(store.claim(&attempt(id)).await.unwrap(), Claimed::Won { attempt: 1 });
    assert_eq!(store.claim(&attempt(id)).await.unwrap(), running());
    let other = Attempt { fingerprint: print("other"), ..attempt(id) };
    assert_eq!(store.claim(&other).await.unwrap(), running(), "with the fingerprint of the winner");
}

/// Status, headers in order, values that are no text, any body.
pub async fn what_is_completed_is_found_to_the_byte(store: &dyn Store) {
    let every_byte: Vec<u8> = (0..=255).collect();
    for body in [Bytes::new(), every_byte.clone().into(), vec![b'x'; 300_000].into()] {
        let reply = Reply::new(299)
            .header("location", "/invoices/7")
            .header("x-twice", "1")
            .header("x-twice", [0x80, 0xff])
            .with_body(body);
        let (first, outcome) = (attempt(RecordId::random()), Outcome::Reply(reply));
        store.claim(&first).await.unwrap();
        assert!(store.complete(&first.lease, &outcome).await.unwrap());
        let retry = attempt(first.lease.id);
        assert_eq!(store.claim(&retry).await.unwrap(), done(&outcome));
        // However late, while it has not expired: a lease means nothing any more.
        let retry = Attempt { now: after(3000), lease_until: after(3030), ..retry };
        assert_eq!(store.claim(&retry).await.unwrap(), done(&outcome));
    }
}

/// A tombstone.
pub async fn a_response_that_was_not_kept_leaves_its_status(store: &dyn Store) {
    let (first, outcome) = (attempt(RecordId::random()), Outcome::NotKept { status: 201 });
    store.claim(&first).await.unwrap();
    assert!(store.complete(&first.lease, &outcome).await.unwrap());
    assert_eq!(store.claim(&attempt(first.lease.id)).await.unwrap(), done(&outcome));
}

/// The tenant is part of the record's name.
pub async fn equal_digests_of_two_tenants_are_strangers(store: &dyn Store) {
    let id = RecordId::random();
    store.claim(&attempt(id)).await.unwrap();
    let other = store.claim(&attempt(id.of_another_tenant())).await.unwrap();
    assert_eq!(other, Claimed::Won { attempt: 1 });
}

/// A retry runs, and counts from one.
pub async fn a_released_record_is_absent(store: &dyn Store) {
    let first = attempt(RecordId::random());
    store.claim(&first).await.unwrap();
    assert!(store.release(&first.lease).await.unwrap());
    assert!(!store.release(&first.lease).await.unwrap());
    let other = Attempt { fingerprint: print("other"), ..attempt(first.lease.id) };
    assert_eq!(store.claim(&other).await.unwrap(), Claimed::Won { attempt: 1 });
    assert!(!store.release(&first.lease).await.unwrap(), "a later attempt's is not released");
}

/// Another request under a lapsed key is still another request.
pub async fn a_lapsed_lease_is_taken_over_by_the_same_request_only(store: &dyn Store) {
    let id = RecordId::random();
    store.claim(&attempt(id)).await.unwrap();
    let late = || Attempt { now: after(30), lease_until: after(60), ..attempt(id) };
    let early = Attempt { now: after(29), ..late() };
    assert_eq!(store.claim(&early).await.unwrap(), running());
    let other = Attempt { fingerprint: print("other"), ..late() };
    assert_eq!(store.claim(&other).await.unwrap(), running());
    assert_eq!(store.claim(&late()).await.unwrap(), Claimed::Won { attempt: 2 });
    assert_eq!(store.claim(&late()).await.unwrap(), running());
}

/// A heartbeat.
pub async fn a_renewed_lease_does_not_lapse(store: &dyn Store) {
    let first = attempt(RecordId::random());
    store.claim(&first).await.unwrap();
    assert!(store.renew(&first.lease, after(90)).await.unwrap());
    let late = Attempt { now: after(60), ..attempt(first.lease.id) };
    assert_eq!(store.claim(&late).await.unwrap(), running());
}

/// Whatever it does, the record stays its successor's.
pub async fn who_lost_its_lease_is_fenced_out(store: &dyn Store) {
    let slow = attempt(RecordId::random());
    store.claim(&slow).await.unwrap();
    let heir = Attempt { now: after(31), lease_until: after(61), ..attempt(slow.lease.id) };
    store.claim(&heir).await.unwrap();
    let outcome = Outcome::Reply(Reply::new(201).with_body("slow"));
    assert!(!store.complete(&slow.lease, &outcome).await.unwrap());
    assert!(!store.renew(&slow.lease, after(9999)).await.unwrap());
    assert!(!store.release(&slow.lease).await.unwrap());
    let outcome = Outcome::Reply(Reply::new(201).with_body("heir"));
    assert!(store.complete(&heir.lease, &outcome).await.unwrap());
    assert_eq!(store.claim(&attempt(slow.lease.id)).await.unwrap(), done(&outcome));
}

/// The first outcome stands.
pub async fn a_record_is_completed_once(store: &dyn Store) {
    let (first, outcome) = (attempt(RecordId::random()), Outcome::Reply(Reply::new(201)));
    store.claim(&first).await.unwrap();
    assert!(store.complete(&first.lease, &outcome).await.unwrap());
    assert!(!store.complete(&first.lease, &Outcome::Reply(Reply::new(500))).await.unwrap());
    assert!(!store.release(&first.lease).await.unwrap());
    assert!(!store.renew(&first.lease, after(9999)).await.unwrap());
    assert_eq!(store.claim(&attempt(first.lease.id)).await.unwrap(), done(&outcome));
}

/// Swept or not.
pub async fn an_expired_record_is_absent_unless_it_runs(store: &dyn Store) {
    let (first, outcome) = (attempt(RecordId::random()), Outcome::Reply(Reply::new(201)));
    store.claim(&first).await.unwrap();
    store.renew(&first.lease, after(4000)).await.unwrap();
    let late = |seconds| Attempt {
        now: after(seconds),
        lease_until: after(seconds + 30),
        expires_at: after(seconds + 3600),
        fingerprint: print("other"),
        ..attempt(first.lease.id)
    };
    assert_eq!(store.claim(&late(3600)).await.unwrap(), running());
    assert!(store.complete(&first.lease, &outcome).await.unwrap());
    assert_eq!(store.claim(&late(3599)).await.unwrap(), done(&outcome));
    assert_eq!(store.claim(&late(3600)).await.unwrap(), Claimed::Won { attempt: 1 });
    // And all of it is new: the old end does not end it.
    let found = Record { fingerprint: print("other"), outcome: None };
    assert_eq!(store.claim(&late(3601)).await.unwrap(), Claimed::Found(found));
}

/// A final answer of a handler whose transaction was rolled back.
pub async fn an_outcome_is_recorded_without_a_claim(store: &dyn Store) {
    let (first, outcome) = (attempt(RecordId::random()), Outcome::Reply(Reply::new(404)));
    assert_eq!(store.record(&first, &outcome).await.unwrap(), Claimed::Won { attempt: 1 });
    assert_eq!(store.claim(&attempt(first.lease.id)).await.unwrap(), done(&outcome));
}

/// Whether the other runs or is done.
pub async fn an_outcome_is_not_recorded_over_another(store: &dyn Store) {
    let (first, outcome) = (attempt(RecordId::random()), Outcome::Reply(Reply::new(201)));
    let (second, late) = (attempt(first.lease.id), Outcome::Reply(Reply::new(404)));
    store.claim(&first).await.unwrap();
    assert_eq!(store.record(&second, &late).await.unwrap(), running());
    assert!(store.complete(&first.lease, &outcome).await.unwrap());
    assert_eq!(store.record(&second, &late).await.unwrap(), done(&outcome));
}

/// One's own claim is no obstacle.
pub async fn an_outcome_is_recorded_with_the_token_of_the_claim(store: &dyn Store) {
    let (first, outcome) = (attempt(RecordId::random()), Outcome::Reply(Reply::new(201)));
    store.claim(&first).await.unwrap();
    assert_eq!(store.record(&first, &outcome).await.unwrap(), Claimed::Won { attempt: 1 });
    assert_eq!(store.claim(&attempt(first.lease.id)).await.unwrap(), done(&outcome));
}

/// Never more than the limit, never what still counts.
pub async fn sweeping_removes_what_is_absent_in_batches(store: &dyn Store) {
    // A time of its own, before that of all other checks.
    let old = |seconds| after(seconds) - TimeDelta::days(3650);
    let made = |expires| Attempt {
        now: old(0),
        lease_until: old(30),
        expires_at: old(expires),
        ..attempt(RecordId::random())
    };
    let outcome = Outcome::Reply(Reply::new(201));
    let (expired, alive, running) = (made(100), made(300), made(100));
    for record in [&expired, &alive, &running] {
        store.claim(record).await.unwrap();
    }
    store.renew(&running.lease, old(300)).await.unwrap();
    for record in [&expired, &alive] {
        store.complete(&record.lease, &outcome).await.unwrap();
    }
    for _ in 0..3 {
        store.record(&made(100), &outcome).await.unwrap();
    }
    let mut swept = Vec::new();
    while swept.last() != Some(&0) {
        swept.push(store.sweep(old(200), 2).await.unwrap());
    }
    assert!(swept.iter().all(|count| *count <= 2), "{swept:?}");
    let again = |record: &Attempt| Attempt {
        now: old(50),
        lease_until: old(80),
        expires_at: old(300),
        ..attempt(record.lease.id)
    };
    let gone = store.claim(&again(&expired)).await.unwrap();
    assert_eq!(gone, Claimed::Won { attempt: 1 });
    assert_eq!(store.claim(&again(&alive)).await.unwrap(), done(&outcome));
    assert!(store.complete(&running.lease, &outcome).await.unwrap(), "what runs is not swept");
}

fn attempt(id: RecordId) -> Attempt {
    Attempt {
        lease: Lease { id, token: Uuid::new_v4() },
        fingerprint: print("request"),
        now: after(0),
        lease_until: after(30),
        expires_at: after(3600),
        wait: Duration::from_secs(2),
    }
}

fn after(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
}

fn print(request: &str) -> Fingerprint {
    Unfinished::new("POST", "", "/", None).with_body(request.as_bytes())
}

fn running() -> Claimed {
    Claimed::Found(Record { fingerprint: print("request"), outcome: None })
}

fn done(outcome: &Outcome) -> Claimed {
    Claimed::Found(Record { fingerprint: print("request"), outcome: Some(outcome.clone()) })
}
