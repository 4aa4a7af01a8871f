//! Stored replies that nobody reads, moves or alters who has the store alone.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::IntoResponse;
use http::Request;
use saas_core::TenantId;
use saas_idempotency::{
    Backend, Error, Idempotency, IdempotencyLayer, MemoryStore, Policy, Reply, Scope, SealingKeys,
};
use sqlx::{Pool, Postgres, Sqlite};
use tower::{Layer, ServiceExt, service_fn};

use crate::served::Served;
use crate::support::{Answer, Call, Db, post, postgres, sqlite};

fn sealed(key: u8) -> Policy {
    Policy::default().sealed(SealingKeys::new([key; 32]))
}

fn shows(stored: &[u8], text: &str) -> bool {
    stored.windows(text.len()).any(|bytes| bytes == text.as_bytes())
}

/// A request of this tenant whose reply says something that nobody shall read.
fn secret(tenant: TenantId) -> Call {
    Call { scope: Some(Scope::tenant(tenant)), ..post("/", "the balance is 1,000,000") }
}

/// A store, and what a person with nothing but the database sees of its one reply.
async fn is_opaque(served: Served, call: Call, stored: impl AsyncFn() -> (i16, Vec<u8>)) {
    let first = served.call(&sealed(1), &call).await;
    let (status, bytes) = stored().await;
    assert_eq!(status, 201);
    assert!(
        !shows(&bytes, "1,000,000") && !shows(&bytes, "/places/") && !shows(&bytes, "location")
    );
    let again = served.call(&sealed(1), &call).await;
    assert!(again.is_replayed());
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.headers["location"], first.headers["location"]);
    assert_eq!(served.runs(), 1);
}

async fn row_in_postgres(db: &Db<Postgres>, tenant: TenantId) -> (i16, Vec<u8>) {
    sqlx::query_as("select status, reply from saas.idempotency_keys where tenant_id = $1")
        .bind(tenant.uuid())
        .fetch_one(&db.pool)
        .await
        .unwrap()
}

async fn row_in_sqlite(db: &Db<Sqlite>) -> (i16, Vec<u8>) {
    sqlx::query_as("select status, reply from saas_idempotency_keys")
        .fetch_one(&db.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_row_in_postgres_shows_the_status_alone_and_is_replayed_whole() {
    let (db, tenant) = (postgres().await, TenantId::new());
    is_opaque(Served::new(db.store()), secret(tenant), async || row_in_postgres(&db, tenant).await)
        .await;
}

#[tokio::test]
async fn a_row_in_sqlite_shows_the_status_alone_and_is_replayed_whole() {
    let db = sqlite().await;
    is_opaque(Served::new(db.store()), secret(TenantId::new()), async || row_in_sqlite(&db).await)
        .await;
}

/// A handler in atomic mode that answers with what it was sent.
async fn atomic<DB: Backend>(db: &Db<DB>, policy: Policy, call: &Call) -> Answer {
    let (pool, statements) = (db.pool.clone(), db.statements);
    let layer = IdempotencyLayer::new(db.store()).policy(policy).statements(statements).atomic();
    let service = layer.layer(service_fn(move |request| {
        let reply = echo::<DB>(pool.clone(), request);
        async move { Ok::<_, Infallible>(reply.await.into_response()) }
    }));
    Answer::of(service.oneshot(call.request()).await.unwrap()).await
}

async fn echo<DB: Backend>(pool: Pool<DB>, request: Request<Body>) -> Result<Reply, Error> {
    let idempotency: Idempotency = request.extensions().get().cloned().unwrap();
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let (tx, reply) = idempotency
        .atomic(pool.begin().await?, async |tx| {
            Ok::<_, Error>((tx, Reply::new(201).with_body(body.clone())))
        })
        .await?;
    tx.commit().await?;
    Ok(reply)
}

#[tokio::test]
async fn atomic_mode_seals_alike() {
    let (db, tenant) = (postgres().await, TenantId::new());
    let call = secret(tenant);
    let first = atomic(&db, sealed(1), &call).await;
    assert!(!shows(&row_in_postgres(&db, tenant).await.1, "1,000,000"));
    let again = atomic(&db, sealed(1), &call).await;
    assert!(again.is_replayed() && again.body == first.body);
    let unknown = atomic(&db, sealed(2), &call).await;
    assert_eq!((unknown.status, unknown.is_replayed()), (500, false));

    let (file, call) = (sqlite().await, secret(tenant));
    atomic(&file, sealed(1), &call).await;
    assert!(!shows(&row_in_sqlite(&file).await.1, "1,000,000"));
    assert!(atomic(&file, sealed(1), &call).await.is_replayed());
}

#[tokio::test]
async fn a_reply_under_an_unknown_key_is_an_error_and_never_runs_again() {
    let (served, call) = (Served::new(MemoryStore::new()), post("/", "secret"));
    served.call(&sealed(1), &call).await;
    for blind in [sealed(2), Policy::default()] {
        let answer = served.call(&blind, &call).await;
        assert_eq!((answer.status, answer.is_problem()), (500, true));
        assert!(!answer.body.contains("secret"));
    }
    let rotated = Policy::default().sealed(SealingKeys::new([2; 32]).older([1; 32]));
    assert!(served.call(&rotated, &call).await.is_replayed());
    assert_eq!(served.runs(), 1);
}

#[tokio::test]
async fn a_reply_that_is_not_sealed_is_an_error_unless_taken_for_a_while() {
    let (served, call) = (Served::new(MemoryStore::new()), post("/", "old"));
    served.call(&Policy::default(), &call).await;
    assert_eq!(served.call(&sealed(1), &call).await.status, 500);
    let changing_over = Policy::default().sealed(SealingKeys::new([1; 32]).allow_unsealed());
    assert!(served.call(&changing_over, &call).await.is_replayed());
    assert_eq!(served.runs(), 1);
}

#[tokio::test]
async fn a_reply_that_was_moved_or_altered_in_the_store_is_an_error_and_never_runs_again() {
    let db = postgres().await;
    let (own, foreign) = (TenantId::new(), TenantId::new());
    let served = Served::new(db.store());
    let (call, other) = (secret(own), post("/", "cheap"));
    let other = Call { scope: Some(Scope::tenant(foreign)), key: call.key.clone(), ..other };
    served.call(&sealed(1), &call).await;
    served.call(&sealed(1), &other).await;
    for meddle in [
        // Another tenant's reply, of an equal key.
        "update saas.idempotency_keys own set reply = (
             select reply from saas.idempotency_keys foreigner where foreigner.tenant_id = $2
         ) where tenant_id = $1",
        "update saas.idempotency_keys set status = 200 where tenant_id in ($1, $2)",
        "update saas.idempotency_keys
         set reply = substring(reply for octet_length(reply) - 1)
         where tenant_id in ($1, $2)",
    ] {
        let done =
            sqlx::query(meddle).bind(own.uuid()).bind(foreign.uuid()).execute(&db.pool).await;
        assert!(done.unwrap().rows_affected() > 0);
        let answer = served.call(&sealed(1), &call).await;
        assert_eq!((answer.status, answer.is_replayed()), (500, false), "{meddle}");
        assert!(!answer.body.contains("cheap"));
    }
    assert_eq!(served.runs(), 2);
}

#[tokio::test]
async fn a_response_that_was_not_kept_is_told_as_ever() {
    let (served, call) = (Served::new(MemoryStore::new()), post("/", "large"));
    assert_eq!(served.call(&sealed(1), &call).await.status, 200);
    assert_eq!(served.call(&sealed(1), &call).await.status, 409);
    assert_eq!(served.runs(), 1);
}
