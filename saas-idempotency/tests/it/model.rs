//! Two attempts, any calls in any order: every store does what a map would.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use saas_idempotency::testing::{after, attempt, other, retry};
use saas_idempotency::{
    Attempt, Claimed, Fingerprint, Lease, MemoryStore, Outcome, Record, Reply, Store,
};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::support::{prepare, sqlite};

/// One call by one of the two, at some second.
#[derive(Debug, Clone, Copy)]
enum Call {
    Claim,
    Record,
    Complete,
    Renew,
    Release,
    Sweep,
    /// Its next claim has a token of its own.
    Retry,
}

#[derive(Debug, Clone)]
struct Script {
    same_request: bool,
    calls: Vec<(Call, usize, i64)>,
}

fn script() -> impl Strategy<Value = Script> {
    use Call::*;
    let call = prop::sample::select(vec![
        Claim, Claim, Claim, Record, Complete, Complete, Renew, Release, Sweep, Retry,
    ]);
    // Leases of 10 seconds, records of 25: all that can be is, and now and then time goes back.
    let calls = prop::collection::vec((call, 0..2_usize, 0..60_i64), 1..24);
    (any::<bool>(), calls).prop_map(|(same_request, calls)| Script { same_request, calls })
}

/// What a store answers, in one type.
#[derive(Debug, PartialEq)]
enum Answer {
    Claimed(Claimed),
    Held(bool),
    Swept(u64),
}

#[derive(Clone)]
struct Entry {
    fingerprint: Fingerprint,
    token: Uuid,
    attempt: u32,
    lease_until: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    outcome: Option<Outcome>,
}

/// The one record that a script is about.
struct Model {
    entry: Option<Entry>,
    sweeps: bool,
}

impl Model {
    fn is_absent(&self, now: DateTime<Utc>) -> bool {
        self.entry.as_ref().is_none_or(|entry| {
            entry.expires_at <= now && (entry.outcome.is_some() || entry.lease_until <= now)
        })
    }

    fn put(&mut self, asked: &Attempt, outcome: Option<Outcome>) -> Claimed {
        let absent = self.is_absent(asked.now);
        let mut number = 1;
        if let Some(entry) = &self.entry {
            let lapsed = entry.lease_until <= asked.now;
            let mine = entry.token == asked.lease.token;
            let again = lapsed && entry.fingerprint == asked.fingerprint;
            if !absent && !(entry.outcome.is_none() && (mine || again)) {
                let (fingerprint, outcome) = (entry.fingerprint, entry.outcome.clone());
                return Claimed::Found(Record { fingerprint, outcome });
            }
            if entry.expires_at > asked.now {
                number = if mine { entry.attempt } else { entry.attempt + 1 };
            }
        }
        self.entry = Some(Entry {
            fingerprint: asked.fingerprint,
            token: asked.lease.token,
            attempt: number,
            lease_until: asked.lease_until,
            expires_at: asked.expires_at,
            outcome,
        });
        Claimed::Won { attempt: number }
    }

    fn held(&mut self, lease: &Lease) -> Option<&mut Entry> {
        let held = |entry: &&mut Entry| entry.token == lease.token && entry.outcome.is_none();
        self.entry.as_mut().filter(held)
    }

    fn sweep(&mut self, now: DateTime<Utc>) -> u64 {
        let goes = self.sweeps && self.entry.is_some() && self.is_absent(now);
        if goes {
            self.entry = None;
        }
        goes.into()
    }
}

fn outcome(who: usize, second: i64) -> Outcome {
    match second % 3 {
        0 => Outcome::NotKept { status: 201 },
        _ => Outcome::Reply(Reply::new(200).with_body(format!("{who} at {second}"))),
    }
}

/// Plays a script on a record of its own, against the model.
async fn plays(store: &dyn Store, sweeps: bool, script: &Script) -> Result<(), TestCaseError> {
    let first = attempt();
    let asked = |who: usize, second| match who == 0 || script.same_request {
        true => retry(&first, second),
        false => other(&first, second),
    };
    let mut leases = [asked(0, 0).lease, asked(1, 0).lease];
    let mut model = Model { entry: None, sweeps };
    for (at, &(call, who, second)) in script.calls.iter().enumerate() {
        let lease = leases[who];
        let mut asked = asked(who, second);
        asked.lease = lease;
        (asked.lease_until, asked.expires_at) = (after(second + 10), after(second + 25));
        let ending = outcome(who, second);
        let (seen, expected) = match call {
            Call::Claim => {
                let seen = store.claim(&asked).await.unwrap();
                (Answer::Claimed(seen), Answer::Claimed(model.put(&asked, None)))
            }
            Call::Record => {
                let seen = store.record(&asked, &ending).await.unwrap();
                (Answer::Claimed(seen), Answer::Claimed(model.put(&asked, Some(ending))))
            }
            Call::Complete => {
                let seen = store.complete(&lease, &ending).await.unwrap();
                let held = model.held(&lease).map(|entry| entry.outcome = Some(ending)).is_some();
                (Answer::Held(seen), Answer::Held(held))
            }
            Call::Renew => {
                let seen = store.renew(&lease, after(second)).await.unwrap();
                let held = model.held(&lease).map(|entry| entry.lease_until = after(second));
                (Answer::Held(seen), Answer::Held(held.is_some()))
            }
            Call::Release => {
                let seen = store.release(&lease).await.unwrap();
                let held = model.held(&lease).is_some();
                model.entry = model.entry.filter(|_| !held);
                (Answer::Held(seen), Answer::Held(held))
            }
            Call::Sweep => {
                let seen = store.sweep(after(second), 100).await.unwrap();
                (Answer::Swept(seen), Answer::Swept(model.sweep(after(second))))
            }
            Call::Retry => {
                leases[who].token = Uuid::new_v4();
                continue;
            }
        };
        prop_assert_eq!(seen, expected, "call {} of {:?}", at, store);
    }
    // So that the next script's sweeps count its own record alone.
    store.sweep(after(1_000_000), 100).await.unwrap();
    Ok(())
}

#[track_caller]
fn all_play(runtime: &Runtime, stores: &[(&dyn Store, bool)], cases: u32) {
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let played = runner.run(&script(), |script| {
        runtime.block_on(async {
            for (store, sweeps) in stores {
                plays(*store, *sweeps, &script).await?;
            }
            Ok(())
        })
    });
    if let Err(error) = played {
        panic!("{error}");
    }
}

#[test]
fn memory_does_what_the_model_does() {
    all_play(&Runtime::new().unwrap(), &[(&MemoryStore::new(), true)], 5_000);
}

#[test]
fn sqlite_does_what_the_model_does() {
    let runtime = Runtime::new().unwrap();
    let db = runtime.block_on(sqlite());
    all_play(&runtime, &[(&db.store(), true)], 150);
}

#[test]
fn all_stores_agree() {
    let runtime = Runtime::new().unwrap();
    let memory = MemoryStore::new();
    let db = runtime.block_on(sqlite());
    let pg = runtime.block_on(async {
        let pg = saas_testkit::postgres_fresh().await;
        prepare(&pg).await;
        pg
    });
    let (sqlite, postgres) = (db.store(), saas_idempotency::SqlStore::new(pg.app.clone()));
    let redis = runtime.block_on(crate::redis::store());
    let stores: [(&dyn Store, bool); 4] =
        [(&memory, true), (&sqlite, true), (&postgres, true), (&redis, false)];
    all_play(&runtime, &stores, 60);
}
