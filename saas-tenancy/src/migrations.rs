use saas_core::schema::Dialect;
use saas_core::sql::{Backend, Migrations};

const POSTGRES: Migrations = Migrations::new(
    "tenancy",
    &[("tenant of the transaction", include_str!("../migrations/postgres/0001_tenant_id.sql"))],
);

/// Brings this crate's own objects up to date: on PostgreSQL `saas.tenant_id()`, which the policies
/// call; on SQLite there is nothing to make. Run it as the role that owns the tables.
///
/// # Errors
/// What the database refused; nothing is then changed.
pub async fn migrate<DB: Backend>(
    conn: &mut DB::Connection,
) -> Result<(), sqlx::migrate::MigrateError> {
    match DB::DIALECT {
        Dialect::Postgres => POSTGRES.run::<DB>(conn).await,
        Dialect::Sqlite => Ok(()),
    }
}

/// Lets the application's role, which owns nothing, use this crate's objects.
///
/// # Errors
/// What the database refused.
#[cfg(feature = "postgres")]
pub async fn grant(conn: &mut sqlx::PgConnection, role: &str) -> Result<(), sqlx::Error> {
    let grants = [
        "grant usage on schema saas to :role",
        "grant execute on function saas.tenant_id() to :role",
    ];
    saas_core::sql::grant(conn, role, &grants).await
}
