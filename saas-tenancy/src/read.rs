use std::fmt;

use saas_core::sql::{Fragment, Statements};

use crate::error::is_outdated;
use crate::isolation::Home;
use crate::statement::begin;
use crate::{
    Error, Isolation, Reachable, Result, Scope, Select, Tenant, TenantBackend, TenantDb, Tx,
};

/// One scope's rows, for reading only: each query is one statement in one round trip.
///
/// On PostgreSQL the statement sets the tenant for itself and reads behind the wall; nothing of it
/// stays on the connection. With a schema per tenant each query runs in a transaction of its own, in
/// three round trips; in pooler-safe mode as well, in four, since its statement is unnamed.
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
pub struct Read<DB: TenantBackend, S: Scope = Tenant> {
    pub(crate) db: TenantDb<DB>,
    pub(crate) scope: S,
}

impl<DB: TenantBackend, S: Scope> Read<DB, S> {
    /// A select on this scope's rows of `E`.
    pub fn select<E: Reachable<S>>(&self) -> Select<DB, E, Self> {
        Select::new(self.scope.tenant(), self.db.options().statements, self.clone())
    }

    /// Runs a select that was put together elsewhere, a page for instance, behind the wall.
    ///
    /// On SQLite there is no wall but the predicate in the select itself.
    ///
    /// # Errors
    /// What the database refused; [`Error::Unavailable`](crate::Error::Unavailable) if it does not
    /// answer.
    pub async fn fetch_all(&self, rows: &dyn Fragment<DB>) -> Result<Vec<DB::Row>> {
        let mut connections = None;
        loop {
            let home = self.db.home(self.scope.tenant()).await?;
            let left = connections.get_or_insert(home.pool.options().get_max_connections());
            match self.attempt(rows, home).await {
                // Each time one connection less has outdated statements.
                Err(Error::Outdated(_)) if *left > 0 => *left -= 1,
                done => return done,
            }
        }
    }

    async fn attempt(&self, rows: &dyn Fragment<DB>, home: Home<DB>) -> Result<Vec<DB::Row>> {
        let (mut query, options) = (begin(""), self.db.options());
        if options.statements == Statements::Unnamed || options.isolation == Isolation::Schema {
            // Behind a pooler only a transaction keeps the statement on one server connection, and
            // no statement can choose for itself in which schema its names are looked up.
            rows.push_to(&mut query);
            let mut tx = Tx::open(home, self.scope, options).await?;
            let found = tx.fetch_all(query).await?;
            tx.commit().await?;
            return Ok(found);
        }
        match self.scope.tenant() {
            Some(tenant) => DB::push_read(&mut query, tenant, rows),
            None => rows.push_to(&mut query),
        }
        let mut conn = home.pool.acquire().await?;
        let found = DB::fetch_all(&mut conn, query, Statements::Named).await;
        if found.as_ref().is_err_and(is_outdated) {
            conn.close_on_drop();
        }
        Ok(found?)
    }
}

impl<DB: TenantBackend, S: Scope> Clone for Read<DB, S> {
    fn clone(&self) -> Self {
        Self { db: self.db.clone(), scope: self.scope }
    }
}

impl<DB: TenantBackend, S: Scope> fmt::Debug for Read<DB, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read").field("scope", &self.scope).finish_non_exhaustive()
    }
}
