//! The promise: a tenant's rows, the idempotency record and the job commit together or not at all.
//! A handler is broken off at every step, in every way, and nothing of it is left; the retry then
//! leaves exactly one of each.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use invoicing_domain::admission::Admission;
use invoicing_domain::logins::Logins;
use invoicing_domain::mail::Mailer;
use invoicing_domain::observe::Metrics;
use invoicing_domain::send::SendInvoice;
use invoicing_domain::tasks::Tasks;
use invoicing_domain::tenants::Tenant;
use invoicing_domain::{App, Db, db, migrate};
use saas_core::sql::Reads;
use saas_core::{Id, Problem, SystemClock, TenantId, Timestamps};
use saas_idempotency::{Idempotency, IdempotencyLayer, Reply, Scope, SqlStore};
use saas_jobs::{Options, Queue};
use saas_pagination::Cursors;
use saas_tenancy::TenantDb;
use saas_testkit as testkit;
use sqlx::{ConnectOptions as _, Pool};
use tower::{Layer, ServiceExt, service_fn};

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
        let customer = customer(tenant);
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

fn customer(tenant: TenantId) -> invoicing_domain::customers::Customer {
    invoicing_domain::customers::Customer {
        id: Id::new(),
        tenant_id: tenant,
        name: "Jane".into(),
        email: "jane@example.com".into(),
        email_key: "jane@example.com".into(),
        version: saas_core::Version::FIRST,
        timestamps: Timestamps::new(&SystemClock),
        deletion: saas_core::SoftDelete::LIVE,
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

async fn app<D: Db>(pool: Pool<D>) -> App<D> {
    App {
        admission: Admission::of(&pool),
        db: TenantDb::connect(pool, db::registry()).await.unwrap(),
        queue: Queue::new(),
        cursors: Cursors::new([7; 32]).unwrap(),
        mailer: Mailer::Outbox(Arc::from(std::path::Path::new("unused"))),
        clock: Arc::new(SystemClock),
        operator: Arc::from([0; 32]),
        base_domain: None,
        proxies: Arc::from([]),
        logins: Logins::default(),
        tasks: Tasks::here(),
        metrics: Metrics::none(),
    }
}

async fn whatever_breaks_off_leaves_nothing<D: Db>(app: App<D>) {
    for step in [Step::Claimed, Step::Inserted, Step::Enqueued] {
        for how in [How::Error, How::Panic, How::Dropped] {
            let tenant = new_tenant(&app).await;
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

async fn new_tenant<D: Db>(app: &App<D>) -> TenantId {
    let id = Id::<Tenant>::new();
    let timestamps = Timestamps::new(&SystemClock);
    let tenant = Tenant { id, slug: id.to_string(), name: "Acme".into(), timestamps };
    let mut tx = app.db.global().await.unwrap();
    tx.insert(&tenant).await.unwrap();
    tx.commit().await.unwrap();
    tenant.scope()
}

#[tokio::test]
async fn on_sqlite() {
    let file = testkit::sqlite().await;
    migrate::sqlite(&file.pool).await.unwrap();
    whatever_breaks_off_leaves_nothing(app(file.pool.clone()).await).await;
}

#[tokio::test]
async fn on_postgres() {
    let pg = testkit::postgres_fresh().await;
    migrate::postgres(&pg.owner_options.to_url_lossy(), &pg.app_options.to_url_lossy())
        .await
        .unwrap();
    whatever_breaks_off_leaves_nothing(app(db::postgres(pg.app_options)).await).await;
}
