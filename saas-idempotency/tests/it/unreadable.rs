//! What another release wrote is unreadable, and never absent.

use saas_idempotency::testing::{attempt, other, retry};
use saas_idempotency::{Attempt, Error, Outcome, Reply, Store};

use crate::support::{postgres, sqlite};

/// A record that is done.
async fn done(store: &impl Store) -> Attempt {
    let first = attempt();
    store.record(&first, &Outcome::Reply(Reply::new(201))).await.unwrap();
    first
}

async fn is_unreadable(store: &impl Store, first: &Attempt) {
    for attempt in [retry(first, 0), retry(first, 60), other(first, 60)] {
        let claimed = store.claim(&attempt).await;
        assert!(matches!(claimed, Err(Error::Unreadable)), "{claimed:?}");
        let recorded = store.record(&attempt, &Outcome::NotKept { status: 201 }).await;
        assert!(matches!(recorded, Err(Error::Unreadable)), "{recorded:?}");
    }
}

/// Starts with a version that nobody has written yet, and is of no known length.
const STRANGE: &[u8] = &[99, 0, 0];

#[tokio::test]
async fn a_record_of_another_version_in_postgres() {
    let db = postgres().await;
    for spoil in [
        "update saas.idempotency_keys set reply = $2 where key = $1",
        "update saas.idempotency_keys set fingerprint = $2 where key = $1",
    ] {
        let first = done(&db.store()).await;
        let spoil = sqlx::query(spoil).bind(&first.lease.id.digest()[..]).bind(STRANGE);
        assert_eq!(spoil.execute(&db.pool).await.unwrap().rows_affected(), 1);
        is_unreadable(&db.store(), &first).await;
    }
}

#[tokio::test]
async fn a_record_of_another_version_in_sqlite() {
    let db = sqlite().await;
    for spoil in [
        "update saas_idempotency_keys set reply = ?2 where key = ?1",
        "update saas_idempotency_keys set fingerprint = ?2 where key = ?1",
    ] {
        let first = done(&db.store()).await;
        let spoil = sqlx::query(spoil).bind(&first.lease.id.digest()[..]).bind(STRANGE);
        assert_eq!(spoil.execute(&db.pool).await.unwrap().rows_affected(), 1);
        is_unreadable(&db.store(), &first).await;
    }
}
