//! The promise: a tenant's rows, the idempotency record and the job commit together or not at all.
//! A handler is broken off at every step, in every way, and nothing of it is left; the retry then
//! leaves exactly one of each.

use std::path::Path;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use invoicing_domain::send::SendInvoice;
use invoicing_domain::{App, Db};
use saas_core::sql::Reads;
use saas_core::{Id, Problem, TenantId};
use saas_idempotency::{Idempotency, IdempotencyLayer, Reply, Scope, SqlStore};
use saas_jobs::Options;
use sqlx::Pool;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{self, customer};

type Body = Full<bytes::Bytes>;

/// Where the handler is broken off.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Claimed,
    Inserted,
    Enqueued,
    Never,
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Error,
    Panic,
    /// The future is dropped while it waits.
    Dropped,
}

impl How {
    async fn at(self, step: Step, wanted: Step) -> Result<(), Problem> {
        match self {
            _ if step != wanted => Ok(()),
            Self::Error => Err(Problem::new(500)),
            Self::Panic => panic!("as planned"),
            Self::Dropped => std::future::pending().await,
        }
    }
}

/// Inserts a customer, enqueues a job and records the reply, unless it is broken off.
async fn handler<D: Db>(
    app: App<D>,
    tenant: TenantId,
    idempotency: Idempotency,
    broken: (Step, How),
) -> Result<Reply, Problem> {
    let (wanted, how) = broken;
    let work = app.once(tenant, &idempotency, async |tx| {
        how.at(Step::Claimed, wanted).await?;
        let customer = customer(Id::new(), tenant, "jane@example.com".into());
        tx.insert(&customer).await?;
        how.at(Step::Inserted, wanted).await?;
        let job = SendInvoice { invoice: Id::new() };
        app.queue.enqueue_with(tx.connection(), job, Options::new().tenant(tenant)).await?;
        how.at(Step::Enqueued, wanted).await?;
        Ok(Reply::json(201, &customer)?)
    });
    match how {
        // The layer lets a handler finish when its client goes; here the handler itself is dropped.
        How::Dropped if wanted != Step::Never => {
            let _ = tokio::time::timeout(Duration::from_millis(50), work).await;
            Err(Problem::new(500))
        }
        _ => work.await,
    }
}

async fn call<D: Db>(app: &App<D>, tenant: TenantId, broken: (Step, How)) -> Option<u16> {
    let app = app.clone();
    let store = SqlStore::new(app.db.pool().clone());
    let service =
        IdempotencyLayer::new(store).atomic().layer(service_fn(move |request: Request<Body>| {
            let idempotency = request.extensions().get::<Idempotency>().unwrap().clone();
            let app = app.clone();
            async move {
                let (status, body) = match handler(app, tenant, idempotency, broken).await {
                    Ok(reply) => (reply.status(), reply.body().clone()),
                    Err(problem) => (problem.status(), problem.to_json().into()),
                };
                Ok::<_, std::convert::Infallible>(
                    Response::builder().status(status).body(Body::from(body)).unwrap(),
                )
            }
        }));
    let request = Request::post("/customers")
        .header("idempotency-key", "once")
        .extension(Scope::tenant(tenant))
        .body(Body::default())
        .unwrap();
    // A panic of the handler goes through the layer; a server would catch it there.
    let answer = tokio::spawn(service.oneshot(request)).await.ok()?.unwrap();
    let status = answer.status().as_u16();
    answer.into_body().collect().await.unwrap();
    Some(status)
}

/// How many rows, records and jobs there are of a tenant.
async fn left<D: Db>(app: &App<D>, tenant: TenantId) -> [i64; 3] {
    let (customers, records, jobs) = match D::DIALECT {
        saas_core::schema::Dialect::Postgres => ("customers", "saas.idempotency_keys", "saas.jobs"),
        saas_core::schema::Dialect::Sqlite => ("customers", "saas_idempotency_keys", "saas_jobs"),
    };
    let mut found = [0; 3];
    for (found, table) in found.iter_mut().zip([customers, records, jobs]) {
        let mut tx = app.db.tenant(tenant).await.unwrap();
        let mut query = sqlx::QueryBuilder::new("select count(*) from ");
        query.push(table).push(" where tenant_id = ");
        <D as saas_core::sql::Binds<TenantId>>::push_bind(&mut query, &tenant);
        let row =
            D::fetch_optional(tx.connection(), query, saas_core::sql::Statements::Named).await;
        *found = <D as Reads<(i64,)>>::read(&row.unwrap().unwrap()).unwrap().0;
    }
    found
}

async fn whatever_breaks_off_leaves_nothing<D: Db>(pool: Pool<D>) {
    let app = support::app(pool, Path::new("unused")).await;
    for step in [Step::Claimed, Step::Inserted, Step::Enqueued] {
        for how in [How::Error, How::Panic, How::Dropped] {
            let tenant = support::tenant(&app.db).await;
            let status = call(&app, tenant, (step, how)).await;
            assert_eq!(status, (how != How::Panic).then_some(500), "{step:?} {how:?}");
            assert_eq!(left(&app, tenant).await, [0; 3], "{step:?} {how:?}");
            for _ in 0..2 {
                assert_eq!(call(&app, tenant, (Step::Never, how)).await, Some(201));
                assert_eq!(left(&app, tenant).await, [1; 3], "{step:?} {how:?}");
            }
        }
    }
}

#[tokio::test]
async fn on_sqlite() {
    let (pool, _folder) = support::sqlite().await;
    whatever_breaks_off_leaves_nothing(pool).await;
}

#[tokio::test]
async fn on_postgres() {
    whatever_breaks_off_leaves_nothing(support::postgres("one_transaction").await).await;
}
