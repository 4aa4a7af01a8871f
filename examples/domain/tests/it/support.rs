//! Databases of the tests' own, migrated as the service does it, and an application over them.

use std::path::Path;
use std::sync::Arc;

use invoicing_domain::admission::Admission;
use invoicing_domain::customers::{Customer, email_key};
use invoicing_domain::invoices::{Invoice, Status};
use invoicing_domain::logins::Logins;
use invoicing_domain::mail::{Destination, Mailer};
use invoicing_domain::observe::Metrics;
use invoicing_domain::tasks::Tasks;
use invoicing_domain::tenants::Tenant;
use invoicing_domain::{App, Db, db, migrate};
use saas_core::sql::Statements;
use saas_core::{Id, SoftDelete, SystemClock, TenantId, Timestamps, Version};
use saas_jobs::Queue;
use saas_pagination::Cursors;
use saas_tenancy::TenantDb;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, SqlitePool};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

/// A SQLite file, gone with the folder.
pub(crate) async fn sqlite() -> (SqlitePool, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let pool = db::sqlite(url.parse().unwrap()).await.unwrap();
    migrate::sqlite(&pool).await.unwrap();
    (pool, folder)
}

/// A database that is new each time, as the application's role, which owns nothing.
pub(crate) async fn postgres(test: &str) -> PgPool {
    let owner = std::env::var("TEST_POSTGRES_OWNER_URL").expect(
        "TEST_POSTGRES_OWNER_URL is not set: it names a role that may create databases and roles, \
         as in postgres://postgres:secret@localhost/postgres",
    );
    let mut owner = Url::parse(&owner).expect("TEST_POSTGRES_OWNER_URL is a URL");
    let database = format!("invoicing_test_{test}");
    let mut conn = PgConnection::connect(owner.as_str()).await.unwrap();
    for anew in ["drop database if exists {}", "create database {}"] {
        let anew = anew.replace("{}", &database);
        sqlx::query(AssertSqlSafe(anew)).execute(&mut conn).await.unwrap();
    }
    conn.close().await.unwrap();
    owner.set_path(&database);
    let mut app = owner.clone();
    app.set_username("invoicing_test").unwrap();
    app.set_password(Some("secret")).unwrap();
    migrate::postgres(&owner, &app).await.unwrap();
    db::postgres(app.as_str().parse::<PgConnectOptions>().unwrap())
}

/// The application, whose mail goes to files in `outbox`.
pub(crate) async fn app<D: Db>(pool: sqlx::Pool<D>, outbox: &Path) -> App<D> {
    App {
        admission: Admission::of(&pool),
        db: TenantDb::connect(pool, db::registry()).await.unwrap(),
        queue: Queue::new(),
        cursors: Cursors::new([7; 32]).unwrap(),
        mailer: Mailer {
            from: "invoices@invoicing.invalid".parse().unwrap(),
            to: Destination::Outbox(Arc::from(outbox)),
        },
        clock: Arc::new(SystemClock),
        operator: Arc::from([0; 32]),
        base_domain: None,
        proxies: Arc::from([]),
        logins: Logins::default(),
        tasks: Tasks::here(),
        metrics: Metrics::none(),
        statements: Statements::Named,
        ending: CancellationToken::new(),
    }
}

/// A new tenant.
pub(crate) async fn tenant<D: Db>(db: &TenantDb<D>) -> TenantId {
    let id = Id::<Tenant>::new();
    let timestamps = Timestamps::new(&SystemClock);
    let tenant = Tenant { id, slug: id.to_string(), name: "Acme".into(), timestamps };
    let mut tx = db.global().await.unwrap();
    tx.insert(&tenant).await.unwrap();
    tx.commit().await.unwrap();
    tenant.scope()
}

/// A customer that is nowhere yet.
pub(crate) fn customer(id: Id<Customer>, tenant_id: TenantId, email: String) -> Customer {
    Customer {
        id,
        tenant_id,
        name: "Jane".into(),
        email_key: email_key(&email),
        email,
        version: Version::FIRST,
        timestamps: Timestamps::new(&SystemClock),
        deletion: SoftDelete::LIVE,
    }
}

/// A draft that is nowhere yet.
pub(crate) fn draft(id: Id<Invoice>, tenant_id: TenantId, customer_id: Id<Customer>) -> Invoice {
    Invoice {
        id,
        tenant_id,
        customer_id,
        currency: "EUR".into(),
        due_on: None,
        status: Status::Draft,
        total_minor: 1250,
        version: Version::FIRST,
        timestamps: Timestamps::new(&SystemClock),
        deletion: SoftDelete::LIVE,
    }
}
