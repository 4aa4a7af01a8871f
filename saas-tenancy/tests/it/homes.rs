//! The suite's tables in a schema per tenant, and in a SQLite file per tenant.

use std::path::PathBuf;

use futures_util::future::BoxFuture;
use saas_core::schema::Dialect;
use saas_core::{TenantId, TenantOwned};
use saas_tenancy::wall::{self, Roles};
use saas_tenancy::{
    Databases, FileMigrator, Files, Isolation, OpenDatabase, Options, SchemaMigrator, SchemaNames,
    Steps, TenantDb,
};
use saas_testkit as testkit;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Postgres, Sqlite};

use crate::fixture::{Customer, Fixture, Note, Plan, Task, registry};

pub(crate) const SCHEMAS: &str = "t_tenancy_by_schema";

/// Global tables are in a schema of their own, which tenants' schemas look into.
pub(crate) fn names() -> SchemaNames {
    SchemaNames::default().sharing("shared").unwrap()
}

pub(crate) fn options() -> Options {
    Options::new().isolation(Isolation::Schema).schema_names(names())
}

/// What one tenant's schema holds.
fn steps(app_role: &str) -> Steps {
    fn table<E: TenantOwned>(app_role: &str) -> String {
        saas_core::schema::table::<E>(Dialect::Postgres) + &wall::postgres::<E>(app_role)
    }
    Steps::new([
        AssertSqlSafe(table::<Customer>(app_role) + &table::<Note>(app_role)),
        AssertSqlSafe(table::<Task>(app_role)),
    ])
}

pub(crate) fn migrator(pg: &testkit::Postgres) -> SchemaMigrator {
    SchemaMigrator::new(pg.owner.clone(), steps(&pg.app_role), &pg.app_role).schema_names(names())
}

/// What tenants share, and the ledger.
pub(crate) async fn prepared(pg: &testkit::Postgres) {
    let mut owner = pg.owner.acquire().await.unwrap();
    saas_tenancy::migrate::<Postgres>(&mut owner).await.unwrap();
    saas_tenancy::grant(&mut owner, &pg.app_role).await.unwrap();
    let plans = saas_core::schema::table::<Plan>(Dialect::Postgres);
    let shared = format!(
        "create schema shared; {} grant usage on schema shared to \"{role}\";
         grant select, insert on shared.plans to \"{role}\"",
        plans.replace("\"plans\"", "shared.plans"),
        role = pg.app_role
    );
    pg.set_up(&shared).await;
}

async fn over(pg: testkit::Postgres, options: Options) -> Fixture<Postgres> {
    prepared(&pg).await;
    let db = TenantDb::connect_with(pg.app, registry(), options).await.unwrap();
    Fixture::of(db, None)
}

pub(crate) async fn schemas() -> Fixture<Postgres> {
    over(testkit::postgres(SCHEMAS).await, options()).await
}

pub(crate) async fn schemas_pgbouncer() -> Fixture<Postgres> {
    over(testkit::pgbouncer(SCHEMAS).await, options().pooler_safe(true)).await
}

/// A new tenant with a schema of its own.
pub(crate) async fn provisioned() -> TenantId {
    let pg = testkit::postgres(SCHEMAS).await;
    let tenant = TenantId::new();
    migrator(&pg).provision(tenant).await.unwrap();
    tenant
}

/// Files that are made when they are first asked for: what an application must not do, so that a test
/// may use any tenant.
struct MadeOnDemand(Files, FileMigrator);

impl OpenDatabase<Sqlite> for MadeOnDemand {
    fn options(
        &self,
        tenant: TenantId,
    ) -> BoxFuture<'_, saas_tenancy::Result<SqliteConnectOptions>> {
        Box::pin(async move {
            self.1.provision(tenant).await?;
            self.0.options(tenant).await
        })
    }
}

/// The suite's tables as the steps of a file.
pub(crate) fn file_steps() -> Steps {
    let script = wall::script(&registry(), &Roles::new("nobody"), Dialect::Sqlite).unwrap();
    Steps::new([AssertSqlSafe(script)])
}

/// An empty folder beside a file that is shared.
pub(crate) fn folder(shared: &testkit::Sqlite) -> PathBuf {
    let folder = shared.path.with_file_name("tenants");
    std::fs::create_dir(&folder).unwrap();
    folder
}

pub(crate) async fn files() -> Fixture<Sqlite> {
    let shared = testkit::sqlite().await;
    saas_tenancy::migrate::<Sqlite>(&mut *shared.pool.acquire().await.unwrap()).await.unwrap();
    let plans = saas_core::schema::table::<Plan>(Dialect::Sqlite);
    sqlx::raw_sql(AssertSqlSafe(plans)).execute(&shared.pool).await.unwrap();
    let files = Files::new(folder(&shared));
    let opener = MadeOnDemand(files.clone(), FileMigrator::new(files, file_steps()));
    let databases = Databases::new(opener).connections(8);
    let pool = shared.pool.clone();
    let db = TenantDb::connect_databases(pool, databases, registry(), Options::new());
    Fixture::of(db.await.unwrap(), Some(shared))
}
