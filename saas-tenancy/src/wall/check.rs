use sqlx::Connection;

use crate::{Finding, Options, Registry, Result, TenantBackend};

/// Whether the database holds what the text says: every finding that
/// [`TenantDb::connect`](crate::TenantDb::connect) would refuse, as a list.
///
/// For an application's own test of its migrations. It asks as the role of the connection, so
/// connect as the application does. It changes nothing: what it asks, it asks in a transaction that
/// it rolls back.
///
/// ```no_run
/// # async fn example(conn: &mut sqlx::PgConnection, registry: saas_tenancy::Registry) -> saas_tenancy::Result<()> {
/// use saas_tenancy::{Options, wall};
/// let findings = wall::check::<sqlx::Postgres>(conn, &registry, &Options::new()).await?;
/// assert_eq!(findings, []);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Unavailable`](crate::Error::Unavailable) if the database does not answer.
pub async fn check<DB: TenantBackend>(
    conn: &mut DB::Connection,
    registry: &Registry,
    options: &Options,
) -> Result<Vec<Finding>> {
    let mut tx = conn.begin().await?;
    let findings = DB::verify(&mut tx, registry, options).await?;
    tx.rollback().await?;
    Ok(findings)
}
