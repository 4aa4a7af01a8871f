//! A Redis that is down, slow, full or a replica: nothing is ever won by it.

use std::time::Duration;

use saas_idempotency::testing::{attempt, retry};
use saas_idempotency::{Claimed, Error, Outcome, RedisStore, Reply, Store};

use super::{ask, connect};

fn made() -> Outcome {
    Outcome::Reply(Reply::new(201).with_body("made"))
}

/// Asks until it answers again: the connection comes back by itself.
async fn answer<T>(mut call: impl AsyncFnMut() -> Result<T, Error>) -> T {
    for _ in 0..300 {
        if let Ok(answer) = call().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it does not come back");
}

#[tokio::test]
async fn killed_it_wins_nothing_and_started_again_it_knows_what_it_answered() {
    let mut redis = saas_testkit::redis_of_its_own();
    let store = RedisStore::new(connect(&redis.url(), Duration::from_secs(5)).await);
    let (done, running) = (attempt(), attempt());
    store.record(&done, &made()).await.unwrap();
    store.claim(&running).await.unwrap();
    redis.kill();
    for _ in 0..5 {
        assert!(matches!(store.claim(&attempt()).await, Err(Error::Store(_))));
        assert!(matches!(store.record(&attempt(), &made()).await, Err(Error::Store(_))));
        assert!(matches!(store.complete(&running.lease, &made()).await, Err(Error::Store(_))));
    }
    redis.start();
    let found = answer(async || store.claim(&retry(&done, 0)).await).await;
    assert!(matches!(found, Claimed::Found(record) if record.outcome == Some(made())));
    assert!(store.complete(&running.lease, &made()).await.unwrap(), "the lease outlived it");
    assert_eq!(store.claim(&attempt()).await.unwrap(), Claimed::Won { attempt: 1 });
}

#[tokio::test]
async fn slow_it_wins_nothing_and_the_claim_that_came_late_is_still_one() {
    let redis = saas_testkit::redis_of_its_own();
    let control = connect(&redis.url(), Duration::from_secs(30)).await;
    let store = RedisStore::new(connect(&redis.url(), Duration::from_millis(200)).await);
    store.claim(&attempt()).await.unwrap();
    let _: () = ask(&control, &["client", "pause", "1000", "all"]).await;
    let late = attempt();
    assert!(matches!(store.claim(&late).await, Err(Error::Store(_))));
    // Whether the server took it up later is unknown; whoever asks now learns it.
    let first = answer(async || store.claim(&late).await).await;
    assert_eq!(first, Claimed::Won { attempt: 1 });
    let second = store.claim(&retry(&late, 0)).await.unwrap();
    assert!(matches!(second, Claimed::Found(record) if record.outcome.is_none()));
}

#[tokio::test]
async fn full_it_refuses_and_loses_nothing() {
    let redis = saas_testkit::redis_of_its_own();
    let connection = connect(&redis.url(), Duration::from_secs(30)).await;
    let store = RedisStore::new(connection.clone());
    let (done, running) = (attempt(), attempt());
    store.record(&done, &made()).await.unwrap();
    store.claim(&running).await.unwrap();
    let _: () = ask(&connection, &["config", "set", "maxmemory", "1"]).await;
    assert!(matches!(store.claim(&attempt()).await, Err(Error::Store(_))));
    assert!(matches!(store.claim(&retry(&running, 30)).await, Err(Error::Store(_))));
    assert!(matches!(store.record(&retry(&done, 9_000), &made()).await, Err(Error::Store(_))));
    assert!(matches!(store.complete(&running.lease, &made()).await, Err(Error::Store(_))));
    let found = store.claim(&retry(&done, 0)).await.unwrap();
    assert!(matches!(found, Claimed::Found(record) if record.outcome == Some(made())));
    let _: () = ask(&connection, &["config", "set", "maxmemory", "0"]).await;
    assert!(store.complete(&running.lease, &made()).await.unwrap());
}

#[tokio::test]
async fn as_a_replica_it_wins_nothing() {
    let redis = saas_testkit::redis_of_its_own();
    let connection = connect(&redis.url(), Duration::from_secs(30)).await;
    let store = RedisStore::new(connection.clone());
    let running = attempt();
    store.claim(&running).await.unwrap();
    let _: () = ask(&connection, &["replicaof", "127.0.0.1", "1"]).await;
    assert!(matches!(store.claim(&attempt()).await, Err(Error::Store(_))));
    assert!(matches!(store.complete(&running.lease, &made()).await, Err(Error::Store(_))));
    let _: () = ask(&connection, &["replicaof", "no", "one"]).await;
    assert!(answer(async || store.complete(&running.lease, &made()).await).await);
}
