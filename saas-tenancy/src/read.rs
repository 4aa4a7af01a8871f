use std::fmt;

use saas_core::TenantId;
use saas_core::sql::{Backend, Fragment, Statements};
use sqlx::QueryBuilder;

use crate::{Reachable, Result, Select, Tenant, TenantBackend, TenantDb};

/// One tenant's rows, for reading only: each query is one statement in one round trip.
///
/// On PostgreSQL the statement sets the tenant for itself and reads behind the wall; nothing of it
/// stays on the connection. In pooler-safe mode each query runs in a transaction of its own.
///
/// ```no_run
/// # use saas_core::{Entity, Id, TenantId};
/// # #[derive(Entity, sqlx::FromRow)]
/// # #[entity(table = "invoices", tenant)]
/// # struct Invoice { id: Id<Invoice> }
/// # async fn example(db: saas_tenancy::TenantDb<sqlx::Postgres>, tenant: TenantId, id: Id<Invoice>)
/// # -> saas_tenancy::Result<()> {
/// let invoice: Option<Invoice> = db.read(tenant).select::<Invoice>().by_id(id).optional().await?;
/// # Ok(()) }
/// ```
pub struct Read<DB: TenantBackend> {
    pub(crate) db: TenantDb<DB>,
    pub(crate) tenant: TenantId,
}

impl<DB: TenantBackend> Read<DB> {
    /// A select on the tenant's rows of `E`.
    pub fn select<E: Reachable<Tenant>>(&self) -> Select<DB, E, Self> {
        Select::new(Some(self.tenant), self.db.options().statements, self.clone())
    }

    /// Runs a select that was put together elsewhere, a page for instance, behind the wall.
    ///
    /// On SQLite there is no wall but the predicate in the select itself.
    ///
    /// # Errors
    /// What the database refused; [`Error::Unavailable`](crate::Error::Unavailable) if it does not
    /// answer.
    pub async fn fetch_all(&self, rows: &dyn Fragment<DB>) -> Result<Vec<DB::Row>> {
        let mut query = QueryBuilder::new("");
        if self.db.options().statements == Statements::Unnamed {
            // Behind a pooler only a transaction keeps the statement on one server connection.
            let mut tx = self.db.tenant(self.tenant).await?;
            rows.push_to(&mut query);
            let found = DB::fetch_all(tx.connection(), query, Statements::Unnamed).await?;
            tx.commit().await?;
            return Ok(found);
        }
        DB::push_read(&mut query, self.tenant, rows);
        let mut conn = self.db.pool().acquire().await?;
        Ok(<DB as Backend>::fetch_all(&mut conn, query, Statements::Named).await?)
    }
}

impl<DB: TenantBackend> Clone for Read<DB> {
    fn clone(&self) -> Self {
        Self { db: self.db.clone(), tenant: self.tenant }
    }
}

impl<DB: TenantBackend> fmt::Debug for Read<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}
