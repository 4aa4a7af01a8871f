use sqlx::migrate::MigrateError;

use crate::Backend;
use crate::backend::Records;

/// Makes the store's table, or brings it up to date: `saas.idempotency_keys` on PostgreSQL,
/// `saas_idempotency_keys` on SQLite.
///
/// The connection must be direct, and its role must be allowed to create tables and, on
/// PostgreSQL, the schema `saas`.
pub async fn migrate<DB: Backend>(conn: &mut DB::Connection) -> Result<(), MigrateError> {
    DB::Connection::MIGRATIONS.run::<DB>(conn).await
}

/// Lets `role`, which owns nothing, read and write the store's records.
#[cfg(feature = "postgres")]
pub async fn grant(conn: &mut sqlx::PgConnection, role: &str) -> Result<(), sqlx::Error> {
    saas_core::sql::grant(conn, role, crate::postgres::GRANTS).await
}
