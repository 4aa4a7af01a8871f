//! A walled database that a superuser breaks, within a transaction that is rolled back.

use saas_core::TenantId;
use saas_core::schema::Dialect;
use saas_tenancy::wall::{self, Roles};
use saas_tenancy::{Finding, Options};
use saas_testkit as testkit;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Postgres};

use crate::fixture::registry;

/// The role that the wall is for. Its own, since some tests break it.
pub(crate) const APP: &str = "wall_app";

/// A database of that name with the fixture's tables, and a superuser's connection to it.
pub(crate) async fn walled(name: &str) -> (testkit::Postgres, PgConnection) {
    let pg = testkit::postgres(name).await;
    let superuser = testkit::required("TEST_POSTGRES_SUPERUSER_URL", "postgres");
    let superuser: PgConnectOptions = superuser.parse().unwrap();
    let mut conn = PgConnection::connect_with(&superuser.database(name)).await.unwrap();
    let roles = Roles::new(APP).owner("wall_owner");
    // Roles are the cluster's: tests that start together take turns.
    run(
        &mut conn,
        &format!("begin; select pg_advisory_xact_lock(4713); {} commit", roles.create()),
    )
    .await;
    saas_tenancy::migrate::<Postgres>(&mut pg.owner.acquire().await.unwrap()).await.unwrap();
    pg.set_up(&wall::script(&registry(), &roles, Dialect::Postgres).unwrap()).await;
    (pg, conn)
}

/// Runs statements that have no parameters.
pub(crate) async fn run(conn: &mut PgConnection, sql: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(conn).await;
    done.unwrap_or_else(|error| panic!("{error}\n{sql}"));
}

/// Becomes the application's role, as if it had logged in, with this tenant or none.
pub(crate) async fn become_app(conn: &mut PgConnection, tenant: Option<TenantId>) {
    let tenant = tenant.map(|tenant| tenant.to_string()).unwrap_or_default();
    conn.execute("set local session authorization wall_app").await.unwrap();
    let set = sqlx::query("select set_config('app.tenant_id', $1, true)").bind(tenant);
    set.execute(conn).await.unwrap();
}

/// Becomes the superuser again.
pub(crate) async fn become_superuser(conn: &mut PgConnection) {
    conn.execute("set local session authorization default").await.unwrap();
}

/// Looks as the application would.
pub(crate) async fn findings(conn: &mut PgConnection) -> Vec<Finding> {
    conn.execute("set local session authorization wall_app").await.unwrap();
    let found = wall::check::<Postgres>(conn, &registry(), &Options::new()).await.unwrap();
    become_superuser(conn).await;
    found
}

/// The same after a change that does not last.
pub(crate) async fn in_transaction(conn: &mut PgConnection, change: &str) -> Vec<Finding> {
    let mut tx = conn.begin().await.unwrap();
    run(&mut tx, change).await;
    let found = findings(&mut tx).await;
    tx.rollback().await.unwrap();
    found
}
