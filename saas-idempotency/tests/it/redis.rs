//! The store in Redis: what the suite cannot see from outside.

mod form;
mod outage;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::{Cmd, FromRedisValue, Pipeline, RedisFuture, Value};
use saas_idempotency::testing::{after, attempt, retry};
use saas_idempotency::{Outcome, RedisStore, Reply, Store};

/// A connection that connects again by itself and waits this long for an answer.
pub(crate) async fn connect(url: &str, patience: Duration) -> ConnectionManager {
    let config = ConnectionManagerConfig::new()
        .set_response_timeout(Some(patience))
        .set_connection_timeout(Some(patience))
        .set_number_of_retries(1);
    let client = redis::Client::open(url).expect("a URL of Redis");
    let manager = ConnectionManager::new_with_config(client, config).await;
    manager.expect("Redis answers where TEST_REDIS_URL says")
}

/// The one that tests share.
pub(crate) async fn store() -> RedisStore<ConnectionManager> {
    RedisStore::new(connect(&saas_testkit::redis(), Duration::from_secs(30)).await)
}

/// What the server says to a command.
async fn ask<T: FromRedisValue>(connection: &ConnectionManager, words: &[&str]) -> T {
    let mut command = redis::cmd(words[0]);
    for word in &words[1..] {
        command.arg(word);
    }
    command.query_async(&mut connection.clone()).await.expect("an answer")
}

/// Counts the round trips.
#[derive(Clone)]
struct Counted(ConnectionManager, Arc<AtomicUsize>);

impl ConnectionLike for Counted {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.req_packed_command(cmd)
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.req_packed_commands(pipeline, offset, count)
    }

    fn get_db(&self) -> i64 {
        self.0.get_db()
    }
}

/// One of each kind but `sweep`, which asks nobody.
async fn every_call(store: &impl Store) {
    let (one, two) = (attempt(), attempt());
    let outcome = Outcome::Reply(Reply::new(201).with_body("made"));
    store.claim(&one).await.unwrap();
    assert!(store.renew(&one.lease, after(60)).await.unwrap());
    assert!(store.complete(&one.lease, &outcome).await.unwrap());
    store.claim(&retry(&one, 0)).await.unwrap();
    store.record(&two, &outcome).await.unwrap();
    store.claim(&attempt()).await.unwrap();
    assert!(!store.release(&one.lease).await.unwrap());
    store.sweep(after(0), 10).await.unwrap();
}

#[tokio::test]
async fn every_call_is_one_round_trip_and_a_server_that_lost_its_scripts_is_told_them_again() {
    let redis = saas_testkit::redis_of_its_own();
    let connection = connect(&redis.url(), Duration::from_secs(30)).await;
    let trips = Arc::new(AtomicUsize::new(0));
    let store = RedisStore::new(Counted(connection.clone(), trips.clone()));
    every_call(&store).await;
    assert_eq!(trips.swap(0, Ordering::Relaxed), 7 + 4, "and once for each of four scripts");
    every_call(&store).await;
    assert_eq!(trips.swap(0, Ordering::Relaxed), 7);
    let _: () = ask(&connection, &["script", "flush"]).await;
    every_call(&store).await;
    assert_eq!(trips.load(Ordering::Relaxed), 7 + 4);
}

#[tokio::test]
async fn what_is_found_is_not_written() {
    let redis = saas_testkit::redis_of_its_own();
    let connection = connect(&redis.url(), Duration::from_secs(30)).await;
    let store = RedisStore::new(connection.clone());
    let (one, two) = (attempt(), attempt());
    store.claim(&one).await.unwrap();
    store.record(&two, &Outcome::NotKept { status: 201 }).await.unwrap();
    let written = async || {
        let info: String = ask(&connection, &["info", "replication"]).await;
        let line = info.lines().find(|line| line.starts_with("master_repl_offset:")).unwrap();
        let changes: String = ask(&connection, &["info", "persistence"]).await;
        let changes = changes.lines().find(|line| line.starts_with("rdb_changes_since")).unwrap();
        (line.to_owned(), changes.to_owned())
    };
    let before = written().await;
    for _ in 0..10 {
        store.claim(&retry(&one, 1)).await.unwrap();
        store.claim(&retry(&two, 1)).await.unwrap();
        store.record(&retry(&two, 1), &Outcome::NotKept { status: 201 }).await.unwrap();
    }
    assert_eq!(written().await, before);
}

#[tokio::test]
async fn only_a_server_that_evicts_nothing_passes_the_check() {
    let redis = saas_testkit::redis_of_its_own();
    let connection = connect(&redis.url(), Duration::from_secs(30)).await;
    let store = RedisStore::new(connection.clone());
    store.check().await.unwrap();
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let _: () = ask(&connection, &["config", "set", "maxmemory-policy", policy]).await;
        let error = store.check().await.unwrap_err();
        assert!(error.to_string().contains("set maxmemory-policy to noeviction"), "{error}");
    }
}

#[tokio::test]
async fn two_prefixes_are_strangers() {
    let connection = connect(&saas_testkit::redis(), Duration::from_secs(30)).await;
    let (one, two) = (RedisStore::new(connection.clone()), RedisStore::new(connection));
    let two = two.prefix("another-service");
    let first = attempt();
    let won = one.claim(&first).await.unwrap();
    assert_eq!(two.claim(&retry(&first, 0)).await.unwrap(), won);
}
