//! Ten thousand requests in flight over a hundred keys, against a handler like the templates' and a
//! pool like theirs.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post as on_post;
use futures_util::future::join_all;
use saas_idempotency::{Claim, Error, Idempotency, IdempotencyLayer, Reply, SqlStore};
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Postgres};
use tower::ServiceExt;

use crate::support::{Answer, Call, post, postgres};

const REQUESTS: usize = 10_000;
const KEYS: usize = 100;

async fn create(
    State(pool): State<PgPool>,
    idempotency: Idempotency,
    body: String,
) -> Result<Reply, Error> {
    let mut tx = pool.begin().await?;
    let turn = match idempotency.claim(&mut *tx).await? {
        Claim::Replay(reply) => return Ok(reply),
        Claim::Fresh(turn) => turn,
    };
    let insert = "insert into effects (request) values ($1)";
    sqlx::query(insert).bind(&body).execute(&mut *tx).await?;
    let reply = Reply::json(201, &body)?;
    turn.record(&mut *tx, &reply).await?;
    tx.commit().await?;
    Ok(reply)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_over_a_hundred_keys_are_a_hundred_executions_slow() {
    let db = postgres().await;
    let pool = PgPoolOptions::new()
        .max_connections(20)
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(db.pool.connect_options().as_ref().clone())
        .await
        .unwrap();
    let layer = IdempotencyLayer::new(SqlStore::<Postgres>::new(pool.clone())).atomic();
    let router = Router::new().route("/", on_post(create)).layer(layer).with_state(pool.clone());
    let calls: Vec<Call> = (0..KEYS)
        .map(|_| {
            let call = post("/", "");
            Call { body: call.key.clone().unwrap(), ..call }
        })
        .collect();

    let answers = join_all((0..REQUESTS).map(|number| {
        let (router, call) = (router.clone(), calls[number % KEYS].clone());
        tokio::spawn(async move {
            let answer = Answer::of(router.oneshot(call.request()).await.unwrap()).await;
            (answer.status, answer.is_replayed())
        })
    }))
    .await;
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.unwrap()).or_insert(0) += 1;
    }

    assert_eq!(counts[&(201, false)], KEYS, "{counts:?}");
    assert!(
        counts.keys().all(|(status, _)| [201, 409].contains(status)),
        "a duplicate is replayed or told to come back: {counts:?}",
    );
    let keys: Vec<&String> = calls.iter().map(|call| &call.body).collect();
    let rows: i64 = sqlx::query_scalar("select count(*) from effects where request = any($1)")
        .bind(keys)
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(rows, KEYS as i64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_that_wait_leave_connections_to_the_others() {
    let db = postgres().await;
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(Duration::from_secs(5))
        .connect_with(db.pool.connect_options().as_ref().clone())
        .await
        .unwrap();
    let layer = IdempotencyLayer::new(SqlStore::<Postgres>::new(pool.clone())).atomic();
    let slow = async |State(pool): State<PgPool>, idempotency: Idempotency, body: String| {
        let mut tx = pool.begin().await?;
        let Claim::Fresh(turn) = idempotency.claim(&mut *tx).await? else {
            return Ok(Reply::new(200));
        };
        tokio::time::sleep(Duration::from_millis(body.parse().unwrap_or(0))).await;
        turn.record(&mut *tx, &Reply::new(201)).await?;
        tx.commit().await?;
        Ok::<_, Error>(Reply::new(201))
    };
    let router = Router::new().route("/", on_post(slow)).layer(layer).with_state(pool);
    let send = |call: Call| {
        let router = router.clone();
        tokio::spawn(async move { router.oneshot(call.request()).await.unwrap().status().as_u16() })
    };
    let slow = post("/", "1500");
    let duplicates: Vec<_> = (0..50).map(|_| send(slow.clone())).collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = std::time::Instant::now();
    for _ in 0..10 {
        assert_eq!(send(post("/", "0")).await.unwrap(), 201);
    }
    assert!(began.elapsed() < Duration::from_millis(1200), "{:?}", began.elapsed());
    for status in join_all(duplicates).await {
        assert!([200, 201, 409].contains(&status.unwrap()));
    }
}
