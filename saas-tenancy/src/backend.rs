use futures_core::future::BoxFuture;
use saas_core::TenantId;
use saas_core::sql::{Backend, Fragment};
use sqlx::{QueryBuilder, SqlStr};

use crate::{Finding, Registry};

/// One of the two databases, as tenancy needs it. Sealed.
pub trait TenantBackend: Backend + sealed::Sealed {
    /// What opens a transaction in one round trip, with its tenant if it has one.
    #[doc(hidden)]
    fn begin(tenant: Option<TenantId>) -> SqlStr;

    /// Writes one statement that sets the tenant for itself and reads `rows` behind the wall.
    #[doc(hidden)]
    fn push_read(query: &mut QueryBuilder<Self>, tenant: TenantId, rows: &dyn Fragment<Self>);

    /// Writes the row lock of a select.
    #[doc(hidden)]
    fn push_for_update(query: &mut QueryBuilder<Self>);

    /// Looks for what would let a tenant see another's rows.
    #[doc(hidden)]
    fn verify<'c>(
        conn: &'c mut Self::Connection,
        registry: &'c Registry,
    ) -> BoxFuture<'c, Result<Vec<Finding>, sqlx::Error>>;
}

mod sealed {
    pub trait Sealed {}
    #[cfg(feature = "postgres")]
    impl Sealed for sqlx::Postgres {}
    #[cfg(feature = "sqlite")]
    impl Sealed for sqlx::Sqlite {}
}
