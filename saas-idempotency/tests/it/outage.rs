//! A database that is down, slow or comes back: nothing is won by it meanwhile.

use std::time::Duration;

use saas_idempotency::testing::{attempt, retry};
use saas_idempotency::{Claimed, Error, Outcome, Reply, SqlStore, Store};
use sqlx::{Connection, PgConnection, Postgres};

use crate::support::prepare;

async fn fresh() -> (saas_testkit::Postgres, SqlStore<Postgres>) {
    let pg = saas_testkit::postgres_fresh().await;
    prepare(&pg).await;
    let store = SqlStore::new(pg.app.clone());
    (pg, store)
}

/// What goes on in the database besides: the application's role may end its own connections.
async fn end_connections(conn: &mut PgConnection) {
    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity \
         where datname = current_database() and usename = current_user and pid <> pg_backend_pid()",
    )
    .execute(conn)
    .await
    .unwrap();
}

#[tokio::test]
async fn a_database_that_is_down_wins_nothing_and_knows_everything_when_it_is_back() {
    let (pg, store) = fresh().await;
    let made = Outcome::Reply(Reply::new(201).with_body("made"));
    let (done, running) = (attempt(), attempt());
    store.record(&done, &made).await.unwrap();
    store.claim(&running).await.unwrap();
    let mut inside = PgConnection::connect_with(&pg.app_options).await.unwrap();
    // From a database of its own, since no one shuts out the one it is in.
    let elsewhere = pg.owner_options.clone().database("saas");
    let mut outside = PgConnection::connect_with(&elsewhere).await.unwrap();
    let name = pg.app_options.get_database().unwrap();
    let mut open = async |open: bool| {
        let alter = format!("alter database \"{name}\" with allow_connections {open}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(alter)).execute(&mut outside).await.unwrap();
    };
    open(false).await;
    end_connections(&mut inside).await;
    for _ in 0..3 {
        assert!(matches!(store.claim(&attempt()).await, Err(Error::Store(_))));
        assert!(matches!(store.claim(&retry(&done, 0)).await, Err(Error::Store(_))));
        assert!(matches!(store.complete(&running.lease, &made).await, Err(Error::Store(_))));
    }
    open(true).await;
    let found = store.claim(&retry(&done, 0)).await.unwrap();
    assert!(matches!(found, Claimed::Found(record) if record.outcome == Some(made.clone())));
    assert!(store.complete(&running.lease, &made).await.unwrap());
}

#[tokio::test]
async fn a_claim_whose_connection_ends_is_not_won() {
    let (pg, store) = fresh().await;
    let mut inside = PgConnection::connect_with(&pg.app_options).await.unwrap();
    let mut locking = PgConnection::connect_with(&pg.app_options).await.unwrap();
    let mut tx = locking.begin().await.unwrap();
    sqlx::query("lock table saas.idempotency_keys in share mode").execute(&mut *tx).await.unwrap();
    let mut first = attempt();
    first.wait = Duration::from_secs(60);
    let (claimed, ()) = tokio::join!(store.claim(&first), async {
        while !is_waiting(&mut inside).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        end_connections(&mut inside).await;
    });
    assert!(matches!(claimed, Err(Error::Store(_))), "{claimed:?}");
    assert_eq!(store.claim(&retry(&first, 0)).await.unwrap(), Claimed::Won { attempt: 1 });
}

async fn is_waiting(conn: &mut PgConnection) -> bool {
    sqlx::query_scalar(
        "select exists (select from pg_stat_activity \
         where datname = current_database() and wait_event_type = 'Lock')",
    )
    .fetch_one(conn)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_claim_waits_no_longer_than_it_may() {
    let (pg, store) = fresh().await;
    let mut tx = pg.app.begin().await.unwrap();
    sqlx::query("lock table saas.idempotency_keys in share mode").execute(&mut *tx).await.unwrap();
    let mut first = attempt();
    first.wait = Duration::from_millis(50);
    let claimed = tokio::time::timeout(Duration::from_secs(10), store.claim(&first)).await.unwrap();
    assert!(matches!(claimed, Err(Error::InProgress { .. })), "{claimed:?}");
    tx.rollback().await.unwrap();
    assert_eq!(store.claim(&first).await.unwrap(), Claimed::Won { attempt: 1 });
}
