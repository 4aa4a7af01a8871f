//! Makes and updates the tables, as a role that owns them, and lets the application's role use them.

use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection, SqlitePool};
use url::Url;

use crate::Error;

static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");
static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

/// Migrates a SQLite file.
pub async fn sqlite(pool: &SqlitePool) -> Result<(), Error> {
    let mut conn = pool.acquire().await?;
    saas_tenancy::migrate::<sqlx::Sqlite>(&mut conn).await?;
    saas_idempotency::migrate::<sqlx::Sqlite>(&mut conn).await?;
    saas_jobs::migrate::<sqlx::Sqlite>(&mut conn).await?;
    // Processes that start together take turns at the write lock.
    let mut tx = conn.begin_with("begin immediate").await?;
    SQLITE.run(&mut *tx).await?;
    Ok(tx.commit().await?)
}

/// Migrates a PostgreSQL database as the role of `admin`, and makes the role of `app` if missing.
pub async fn postgres(admin: &Url, app: &Url) -> Result<(), Error> {
    let mut conn = PgConnection::connect(admin.as_str()).await?;
    saas_tenancy::migrate::<sqlx::Postgres>(&mut conn).await?;
    saas_idempotency::migrate::<sqlx::Postgres>(&mut conn).await?;
    saas_jobs::migrate::<sqlx::Postgres>(&mut conn).await?;
    POSTGRES.run(&mut conn).await?;
    let role = decoded(app.username());
    create_role(&mut conn, &role, &decoded(app.password().unwrap_or_default())).await?;
    forbid_temporary_tables(&mut conn, &role).await?;
    saas_tenancy::grant(&mut conn, &role).await?;
    saas_idempotency::grant(&mut conn, &role).await?;
    saas_jobs::grant(&mut conn, &role).await?;
    saas_core::sql::grant(&mut conn, &role, GRANTS).await?;
    Ok(conn.close().await?)
}

/// What the application may do; no more.
const GRANTS: &[&str] = &[
    "grant select, insert on tenants, api_keys to :role",
    "grant select, insert, update on settings to :role",
    "grant select, insert, update on customers, invoices to :role",
    "grant select, insert on invoice_lines to :role",
    "grant select on _sqlx_migrations to :role",
];

/// Two processes that start together must not both find the role missing, and a role that exists is
/// left as it is.
async fn create_role(
    conn: &mut PgConnection,
    role: &str,
    password: &str,
) -> Result<(), sqlx::Error> {
    let mut tx = conn
        .begin_with("begin; select pg_advisory_xact_lock(hashtextextended('invoicing.role', 0))")
        .await?;
    let exists = sqlx::query("select 1 from pg_roles where rolname = $1").bind(role);
    if exists.fetch_optional(&mut *tx).await?.is_none() {
        // A statement about roles takes no parameters; the server itself quotes what goes into it.
        let create = "select format('create role %I login nosuperuser nobypassrls password %L', $1::text, $2::text)";
        let create: String =
            sqlx::query_scalar(create).bind(role).bind(password).fetch_one(&mut *tx).await?;
        match sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut *tx).await {
            // Roles are the cluster's: one that migrates another database was faster.
            Err(error) if is_taken(&error) => return Ok(()),
            done => done?,
        };
    }
    tx.commit().await
}

/// They would stand in front of tenants' tables. The script makes missing roles as well; none is.
async fn forbid_temporary_tables(conn: &mut PgConnection, role: &str) -> Result<(), sqlx::Error> {
    let mut tx = conn
        .begin_with("begin; select pg_advisory_xact_lock(hashtextextended('invoicing.role', 0))")
        .await?;
    let script = saas_tenancy::wall::Roles::new(role).create();
    sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut *tx).await?;
    tx.commit().await
}

fn is_taken(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == "42710" || code == "23505")
}

fn decoded(part: &str) -> String {
    let pair = format!("v={}", part.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes())
        .map(|(_, value)| value.into_owned())
        .next()
        .unwrap_or_default()
}

/// Whether all of the application's own migrations are there; for a process that may not migrate.
pub async fn is_current(pool: &sqlx::PgPool) -> Result<bool, sqlx::Error> {
    let wanted = POSTGRES.iter().map(|migration| migration.version).max();
    let query = sqlx::query_scalar("select max(version) from _sqlx_migrations where success");
    let found: Option<i64> = query.fetch_one(pool).await?;
    Ok(found >= wanted)
}
