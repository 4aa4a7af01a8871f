//! What a call costs PostgreSQL.

use axum::body::Body;
use http::{Request, Response};
use saas_idempotency::{Claim, Error, Idempotency, IdempotencyLayer, Reply};
use sqlx::postgres::PgPoolOptions;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{Answer, post, postgres};

#[tokio::test]
async fn a_claim_is_one_cached_statement_and_a_replay_writes_nothing() {
    let db = postgres().await;
    let options = db.pool.connect_options().as_ref().clone();
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let handler = pool.clone();
    let layer = IdempotencyLayer::new(db.store()).atomic();
    let service = layer.layer(service_fn(move |request: Request<Body>| {
        let pool = handler.clone();
        async move { Ok::<_, Error>(Response::new(Body::from(answer(request, pool).await?))) }
    }));
    let call = post("/", "body");
    let mut seen = Vec::new();
    for _ in 0..8 {
        let response = service.clone().oneshot(call.request()).await.unwrap();
        seen.push(Answer::of(response).await.body);
    }
    assert_eq!(seen[0], "wrote");
    assert!(seen[1..].iter().all(|seen| seen == "wrote nothing"), "{seen:?}");

    let mut conn = pool.acquire().await.unwrap();
    let prepared: i64 = sqlx::query_scalar(
        "select count(*) from pg_prepared_statements where statement like '%idempotency_put%' \
         and name <> '' and statement not like '%pg_prepared_statements%'",
    )
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    assert_eq!(prepared, 1);
}

/// A transaction that wrote has an id.
async fn answer(request: Request<Body>, pool: sqlx::PgPool) -> Result<&'static str, Error> {
    let idempotency: Idempotency = request.extensions().get().cloned().unwrap();
    let mut tx = pool.begin().await?;
    let claim = idempotency.claim(&mut *tx).await?;
    let wrote: bool = sqlx::query_scalar("select pg_current_xact_id_if_assigned() is not null")
        .fetch_one(&mut *tx)
        .await?;
    if let Claim::Fresh(turn) = claim {
        turn.record(&mut *tx, &Reply::new(200)).await?;
        tx.commit().await?;
    }
    Ok(if wrote { "wrote" } else { "wrote nothing" })
}
