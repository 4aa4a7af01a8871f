use futures_core::future::BoxFuture;
use saas_core::TenantId;
use sqlx::{Connection, Database};

use crate::{Result, TenantBackend};

/// sqlx's connect options of a database: `PgConnectOptions` or `SqliteConnectOptions`.
pub type ConnectOptions<DB> = <<DB as Database>::Connection as Connection>::Options;

/// Where a tenant's database is: [`Files`](crate::Files), or a closure.
///
/// ```
/// use saas_core::TenantId;
/// use saas_tenancy::{Databases, Error};
/// use sqlx::postgres::PgConnectOptions;
///
/// let server = PgConnectOptions::new().host("db.internal").username("app");
/// let databases = Databases::<sqlx::Postgres>::new(move |tenant: TenantId| {
///     let options = server.clone().database(&format!("t_{}", tenant.uuid().simple()));
///     async move { Ok::<_, Error>(options) }
/// });
/// # drop(databases);
/// ```
pub trait OpenDatabase<DB: TenantBackend>: Send + Sync + 'static {
    /// How to connect to the tenant's database. It must not make one.
    ///
    /// # Errors
    /// [`Error::NotProvisioned`](crate::Error::NotProvisioned) if the tenant has none.
    fn options(&self, tenant: TenantId) -> BoxFuture<'_, Result<ConnectOptions<DB>>>;

    /// Makes sure that the database which was reached is the tenant's. It runs in a transaction that
    /// is rolled back.
    ///
    /// # Errors
    /// What is wrong with it; the database is then not used.
    fn check<'c>(
        &'c self,
        conn: &'c mut DB::Connection,
        tenant: TenantId,
    ) -> BoxFuture<'c, Result<()>> {
        let _ = (conn, tenant);
        Box::pin(std::future::ready(Ok(())))
    }
}

impl<DB, F, O> OpenDatabase<DB> for F
where
    DB: TenantBackend,
    F: Fn(TenantId) -> O + Send + Sync + 'static,
    O: Future<Output = Result<ConnectOptions<DB>>> + Send + 'static,
{
    fn options(&self, tenant: TenantId) -> BoxFuture<'_, Result<ConnectOptions<DB>>> {
        Box::pin(self(tenant))
    }
}
