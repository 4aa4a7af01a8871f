use std::fmt;
use std::sync::Arc;

use saas_core::sql::Statements;
use saas_core::{Clock, TenantId};
use sqlx::pool::PoolConnection;
use sqlx::{Pool, QueryBuilder};
use sqlx_core::transaction::TransactionManager;

use crate::{Error, Global, Options, Result, Scope, Tenant, TenantBackend, guard};

/// A transaction bound to one tenant.
pub type TenantTx<DB> = Tx<DB, Tenant>;
/// A transaction on global entities.
pub type GlobalTx<DB> = Tx<DB, Global>;

/// A transaction in a scope; name it [`TenantTx`] or [`GlobalTx`].
///
/// Dropped without [`commit`](Self::commit) it rolls back, whatever it was doing.
pub struct Tx<DB: TenantBackend, S: Scope> {
    conn: PoolConnection<DB>,
    scope: S,
    statements: Statements,
    clock: Arc<dyn Clock>,
    open: bool,
    /// Whether one of its statements failed in the database.
    failed: bool,
}

impl<DB: TenantBackend, S: Scope> Tx<DB, S> {
    pub(crate) async fn open(pool: &Pool<DB>, scope: S, options: &Options) -> Result<Self> {
        let conn = guard::open(pool, DB::begin(scope.tenant())).await?;
        let Options { statements, clock } = options.clone();
        Ok(Self { conn, scope, statements, clock, open: true, failed: false })
    }

    /// Makes everything done in it durable, all or nothing.
    ///
    /// # Errors
    /// [`Error::Aborted`] if one of its statements failed in the database, even if the error was
    /// handled: PostgreSQL has given the transaction up then and would answer the commit with a
    /// silent rollback; on SQLite half of it would stay. That is known of the statements of this
    /// type; after an error of SQL by hand on the connection, do not commit.
    ///
    /// If the answer is lost, so is the knowledge whether it was committed: what must not happen
    /// twice needs an idempotency key.
    pub async fn commit(mut self) -> Result<()> {
        if self.failed {
            return Err(Error::Aborted);
        }
        DB::TransactionManager::commit(&mut self.conn).await?;
        self.open = false;
        Ok(())
    }

    /// Undoes everything done in it. Dropping does the same, without waiting for the answer.
    ///
    /// # Errors
    /// If the connection is gone; the database has then rolled back by itself.
    pub async fn rollback(mut self) -> Result<()> {
        DB::TransactionManager::rollback(&mut self.conn).await?;
        self.open = false;
        Ok(())
    }

    /// The connection, inside the transaction: what other crates run their statements on, so that
    /// they commit or roll back with this one.
    ///
    /// Beginning or ending the transaction by hand on it ends the scope as well.
    pub fn connection(&mut self) -> &mut DB::Connection {
        &mut self.conn
    }

    /// Runs a statement of this transaction and remembers if it failed.
    pub(crate) async fn execute(
        &mut self,
        query: QueryBuilder<DB>,
        statements: Statements,
    ) -> Result<u64, sqlx::Error> {
        let done = DB::execute(&mut self.conn, query, statements).await;
        self.failed |= done.is_err();
        done
    }

    /// The same for a query.
    pub(crate) async fn fetch_all(
        &mut self,
        query: QueryBuilder<DB>,
    ) -> Result<Vec<DB::Row>, sqlx::Error> {
        let found = DB::fetch_all(&mut self.conn, query, self.statements).await;
        self.failed |= found.is_err();
        found
    }

    /// The same for at most one row.
    pub(crate) async fn fetch_optional(
        &mut self,
        query: QueryBuilder<DB>,
    ) -> Result<Option<DB::Row>, sqlx::Error> {
        let found = DB::fetch_optional(&mut self.conn, query, self.statements).await;
        self.failed |= found.is_err();
        found
    }

    pub(crate) fn scope(&self) -> S {
        self.scope
    }

    pub(crate) fn statements(&self) -> Statements {
        self.statements
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }
}

impl<DB: TenantBackend> TenantTx<DB> {
    /// Whose transaction it is.
    pub fn tenant(&self) -> TenantId {
        self.scope.0
    }
}

#[cfg(feature = "postgres")]
impl TenantTx<sqlx::Postgres> {
    /// The connection for SQL by hand. Row-level security holds: the statement sees and writes this
    /// tenant's rows and no others, whatever it says.
    pub fn raw(&mut self) -> &mut sqlx::PgConnection {
        &mut self.conn
    }
}

#[cfg(feature = "sqlite")]
impl TenantTx<sqlx::Sqlite> {
    /// The connection for SQL by hand. SQLite has no row-level security: the statement must say
    /// `tenant_id = …` itself.
    pub fn raw_unenforced(&mut self) -> &mut sqlx::SqliteConnection {
        &mut self.conn
    }
}

/// Lets code that knows only connections run inside the transaction.
impl<DB: TenantBackend<Connection = C>, S: Scope, C> AsMut<C> for Tx<DB, S> {
    fn as_mut(&mut self) -> &mut C {
        &mut self.conn
    }
}

impl<DB: TenantBackend, S: Scope> Drop for Tx<DB, S> {
    fn drop(&mut self) {
        if self.open {
            // Queued before the connection goes back, and flushed before anybody gets it again.
            DB::TransactionManager::start_rollback(&mut self.conn);
        }
    }
}

impl<DB: TenantBackend, S: Scope> fmt::Debug for Tx<DB, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("scope", &self.scope).finish_non_exhaustive()
    }
}
