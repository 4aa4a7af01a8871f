use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use saas_core::TenantId;
use saas_idempotency::{Idempotency, IdempotencyLayer, Reply, SqlStore};
use sqlx::{PgConnection, PgPool, Postgres};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use uuid::Uuid;

use super::{CLIENTS, request};
use crate::database::Database;
use crate::measure::{in_turns, rate};
use crate::{Result, Size};

const TABLE: &str = "
    create table orders (
        tenant_id uuid not null,
        id uuid not null,
        note text not null,
        primary key (tenant_id, id)
    )";

pub(super) async fn run(database: &Database, size: Size) -> Result<()> {
    database.set_up(TABLE).await?;
    database.set_up(format!("grant insert on orders to \"{}\"", database.role)).await?;
    let pool = database.app(CLIENTS).await?;
    let layer = IdempotencyLayer::new(SqlStore::<Postgres>::new(pool.clone())).atomic();
    let ours = layer.layer(service_fn({
        let pool = pool.clone();
        move |request| create(pool.clone(), request)
    }));
    let without = service_fn(move |_: Request<Full<Bytes>>| create_without(pool.clone()));
    let (rounds, span) = (size.pick(31, 15), Duration::from_millis(size.pick(1000, 400)));
    in_turns(
        rounds,
        async |_| rate(CLIENTS, span, call(ours.clone())).await,
        async |_| rate(CLIENTS, span, call(without.clone())).await,
    )
    .await?
    .report("idempotency/atomic", "requests_per_second", "1/s")
}

/// Sends a new request, the same to both.
fn call<S, B>(
    service: S,
) -> impl Fn(usize) -> futures_util::future::BoxFuture<'static, Result<()>> + Clone
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let tenant = TenantId::new();
    move |_| {
        let service = service.clone();
        Box::pin(async move {
            let response = service.oneshot(request(tenant)?).await?;
            if response.status() == 201 { Ok(()) } else { Err(response.status().as_str().into()) }
        })
    }
}

async fn create(pool: PgPool, request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>> {
    let idempotency = request.extensions().get::<Idempotency>().cloned().ok_or("no handle")?;
    let (tx, reply) = idempotency
        .atomic(pool.begin().await?, async |mut tx| {
            let id = insert(&mut tx).await?;
            Result::Ok((tx, Reply::json(201, &id)?))
        })
        .await?;
    tx.commit().await?;
    Ok(Response::builder().status(reply.status()).body(Full::new(reply.body().clone()))?)
}

async fn create_without(pool: PgPool) -> Result<Response<Full<Bytes>>> {
    let mut tx = pool.begin().await?;
    let id = insert(&mut tx).await?;
    tx.commit().await?;
    Ok(Response::builder().status(201).body(Full::from(serde_json::to_vec(&id)?))?)
}

async fn insert(conn: &mut PgConnection) -> Result<Uuid> {
    let id = Uuid::now_v7();
    sqlx::query("insert into orders (tenant_id, id, note) values ($1, $2, $3)")
        .bind(Uuid::from_u128(1))
        .bind(id)
        .bind("three of them, please")
        .execute(conn)
        .await?;
    Ok(id)
}
