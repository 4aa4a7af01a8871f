//! The stored form, and how long Redis keeps it.

use std::time::Duration;

use redis::aio::ConnectionManager;
use saas_idempotency::testing::{after, attempt, retry};
use saas_idempotency::{Attempt, Claimed, Error, Outcome, RedisStore, Reply, Store};

use super::{ask, connect};

async fn shared() -> (RedisStore<ConnectionManager>, ConnectionManager) {
    let connection = connect(&saas_testkit::redis(), Duration::from_secs(30)).await;
    (RedisStore::new(connection.clone()), connection)
}

fn key(attempt: &Attempt) -> String {
    let id = attempt.lease.id;
    let digest: String = id.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("saas-idempotency:v1:{}:{digest}", id.tenant())
}

#[tokio::test]
async fn redis_keeps_a_record_five_minutes_longer_than_it_counts() {
    let (store, connection) = shared().await;
    let first = attempt();
    let left = async || ask::<i64>(&connection, &["pttl", &key(&first)]).await / 1_000;
    let counts = |seconds: i64| seconds + 300 - 30..=seconds + 300;
    store.claim(&first).await.unwrap();
    assert!(counts(3_600).contains(&left().await), "until it expires");
    assert!(store.renew(&first.lease, after(60)).await.unwrap());
    assert!(counts(3_600).contains(&left().await), "not by every heartbeat longer");
    assert!(store.renew(&first.lease, after(5_000)).await.unwrap());
    assert!(counts(5_000).contains(&left().await), "until its lease lapses");
    assert!(store.renew(&first.lease, after(5_030)).await.unwrap());
    assert!(counts(5_030).contains(&left().await), "and on with every heartbeat");
    assert!(store.complete(&first.lease, &Outcome::NotKept { status: 201 }).await.unwrap());
    assert!(counts(5_030).contains(&left().await), "however it ends");
    let again = retry(&first, 3_600);
    assert_eq!(store.claim(&again).await.unwrap(), Claimed::Won { attempt: 1 });
    assert!(counts(3_600).contains(&left().await), "a new one anew");
}

#[tokio::test]
async fn the_furthest_moment_is_kept_too() {
    let (store, connection) = shared().await;
    let mut first = attempt();
    first.expires_at = chrono::DateTime::<chrono::Utc>::MAX_UTC;
    first.lease_until = first.expires_at;
    store.claim(&first).await.unwrap();
    assert!(store.renew(&first.lease, first.expires_at).await.unwrap());
    assert!(ask::<i64>(&connection, &["pttl", &key(&first)]).await > 0);
    assert!(matches!(store.claim(&retry(&first, 90_000)).await, Ok(Claimed::Found(_))));
}

/// Every call on a record that another release, or a stranger, wrote.
async fn is_unreadable(store: &impl Store, first: &Attempt) {
    let outcome = Outcome::NotKept { status: 201 };
    for late in [0, 30, 9_000] {
        let attempt = retry(first, late);
        assert!(matches!(store.claim(&attempt).await, Err(Error::Unreadable)));
        assert!(matches!(store.record(&attempt, &outcome).await, Err(Error::Unreadable)));
    }
    assert!(matches!(store.complete(&first.lease, &outcome).await, Err(Error::Unreadable)));
    assert!(matches!(store.renew(&first.lease, after(90)).await, Err(Error::Unreadable)));
    assert!(matches!(store.release(&first.lease).await, Err(Error::Unreadable)));
}

#[tokio::test]
async fn a_record_of_another_version_is_unreadable_and_never_absent() {
    let (store, connection) = shared().await;
    let first = attempt();
    store.claim(&first).await.unwrap();
    let _: i64 = ask(&connection, &["hset", &key(&first), "v", "2"]).await;
    is_unreadable(&store, &first).await;
    let strange = attempt();
    let _: i64 = ask(&connection, &["hset", &key(&strange), "colour", "green"]).await;
    is_unreadable(&store, &strange).await;
}

#[tokio::test]
async fn a_record_with_parts_missing_is_unreadable() {
    let (store, connection) = shared().await;
    for field in ["fingerprint", "token", "attempt", "lease_until", "expires_at"] {
        let first = attempt();
        store.claim(&first).await.unwrap();
        let _: i64 = ask(&connection, &["hdel", &key(&first), field]).await;
        let claimed = store.claim(&retry(&first, 30)).await;
        assert!(matches!(claimed, Err(Error::Unreadable)), "{field}: {claimed:?}");
    }
}

#[tokio::test]
async fn a_reply_of_another_version_is_unreadable() {
    let (store, connection) = shared().await;
    let first = attempt();
    store.record(&first, &Outcome::Reply(Reply::new(201).with_body("made"))).await.unwrap();
    let _: i64 = ask(&connection, &["hset", &key(&first), "reply", "\u{7f}made"]).await;
    assert!(matches!(store.claim(&retry(&first, 0)).await, Err(Error::Unreadable)));
}

#[tokio::test]
async fn what_is_no_hash_is_an_error() {
    let (store, connection) = shared().await;
    let first = attempt();
    let _: () = ask(&connection, &["set", &key(&first), "a stranger's"]).await;
    assert!(matches!(store.claim(&first).await, Err(Error::Store(_))));
    assert_eq!(ask::<String>(&connection, &["get", &key(&first)]).await, "a stranger's");
}
