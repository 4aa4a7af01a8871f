use std::fmt;
use std::sync::Arc;

use futures_core::Stream;
use futures_util::TryStreamExt;
use saas_core::sql::Statements;
use saas_core::{Clock, TenantId};
use sqlx::pool::PoolConnection;
use sqlx::{QueryBuilder, SqlStr};
use sqlx_core::transaction::TransactionManager;

use crate::isolation::{Home, Lease};
use crate::lent::{Lent, Returned};
use crate::{
    Error, Finding, Global, Options, Registry, Result, Scope, Tenant, TenantBackend, error, guard,
};

/// A transaction bound to one tenant.
pub type TenantTx<DB> = Tx<DB, Tenant>;
/// A transaction on global entities.
pub type GlobalTx<DB> = Tx<DB, Global>;

/// A transaction in a scope; name it [`TenantTx`], [`GlobalTx`] or [`AcrossTx`](crate::AcrossTx).
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
    /// Whether a migration has outdated what is prepared on the connection: it is closed at the end.
    outdated: bool,
    /// Whether the connection was lent for SQL by hand, whose errors nobody reports here, and which
    /// can leave anything behind.
    lent: bool,
    terms: Lent,
    /// Keeps a tenant's own pool open until its connection has gone back.
    _lease: Option<Lease<DB>>,
    /// What takes back what the end of the transaction leaves on the connection. Until it has run,
    /// nobody else gets the connection.
    aftermath: Option<&'static str>,
}

impl<DB: TenantBackend, S: Scope> Tx<DB, S> {
    pub(crate) async fn open(home: Home<DB>, scope: S, options: &Options) -> Result<Self> {
        let begin = DB::begin(scope.tenant(), options);
        Self::begun(home, begin, scope, options).await
    }

    /// The same, opened by this statement.
    pub(crate) async fn begun(
        home: Home<DB>,
        begin: SqlStr,
        scope: S,
        options: &Options,
    ) -> Result<Self> {
        let conn = guard::open(&home.pool, begin)
            .await
            .map_err(|error| Error::on_opening(scope.tenant(), error))?;
        Ok(Self {
            conn,
            scope,
            statements: options.statements,
            clock: Arc::clone(&options.clock),
            open: true,
            failed: false,
            outdated: false,
            lent: false,
            terms: Lent::new(scope.tenant(), options),
            _lease: home.into_lease(),
            aftermath: None,
        })
    }

    /// Makes everything done in it durable, all or nothing.
    ///
    /// # Errors
    /// [`Error::Aborted`] if one of its statements failed in the database, even if the error was
    /// handled: PostgreSQL has given the transaction up then and would answer the commit with a
    /// silent rollback; on SQLite half of it would stay. SQL by hand on the connection counts as
    /// well on PostgreSQL; on SQLite, do not commit after its error.
    ///
    /// [`Error::Escaped`] if SQL by hand has ended the transaction, or on PostgreSQL left it to another
    /// tenant or begun another one since. Nothing more is committed then; what that SQL has committed
    /// cannot be taken back. On SQLite another one that was begun since is not told from this one: it is
    /// committed, and what was rolled back before it is lost without an error.
    ///
    /// If the answer is lost, so is the knowledge whether it was committed: what must not happen
    /// twice needs an idempotency key.
    pub async fn commit(mut self) -> Result<()> {
        if self.failed {
            return Err(Error::Aborted);
        }
        if self.lent {
            let returned = DB::commit_lent(&mut self.conn, &self.terms).await?;
            self.take_back(returned);
        } else {
            DB::TransactionManager::commit(&mut self.conn).await?;
            self.open = false;
            self.clear().await;
        }
        Ok(())
    }

    /// Undoes everything done in it. Dropping does the same, without waiting for the answer.
    ///
    /// # Errors
    /// If the connection is gone; the database has then rolled back by itself.
    pub async fn rollback(mut self) -> Result<()> {
        if self.lent {
            let returned = DB::rollback_lent(&mut self.conn, &self.terms).await?;
            self.take_back(returned);
        } else {
            DB::TransactionManager::rollback(&mut self.conn).await?;
            self.open = false;
            self.clear().await;
        }
        Ok(())
    }

    /// Nothing that SQL by hand has left is another's to find. That something was is no failure: the
    /// transaction has ended.
    fn take_back(&mut self, Returned { left, reusable }: Returned) {
        (self.open, self.aftermath) = (false, None);
        if !left.is_empty() {
            let left = left.join(", ");
            tracing::warn!(
                left,
                "SQL by hand left something on its connection, which was taken back"
            );
        }
        if !reusable {
            self.conn.close_on_drop();
        }
    }

    /// Has the connection closed at the end unless this statement has run after it.
    pub(crate) fn followed_by(mut self, aftermath: Option<&'static str>) -> Self {
        self.aftermath = aftermath;
        self
    }

    /// That it failed is not the transaction's failure: the connection is closed then.
    async fn clear(&mut self) {
        let Some(sql) = self.aftermath else { return };
        match DB::execute(&mut self.conn, QueryBuilder::new(sql), Statements::Unnamed).await {
            Ok(_) => self.aftermath = None,
            Err(error) => {
                tracing::debug!(%error, "a connection could not be cleared and is closed");
            }
        }
    }

    /// The connection, inside the transaction: what other crates run their statements on, so that
    /// they commit or roll back with this one. SQL by hand has names of its own for it, which say
    /// whether the database holds it to the tenant: `raw` and, on SQLite, `raw_unenforced`.
    ///
    /// What ends the transaction by hand ends the scope as well: [`commit`](Self::commit) is then
    /// [`Error::Escaped`]; on SQLite only if that SQL has begun no other one since.
    ///
    /// What else it leaves on the connection is taken back when the transaction ends: role, tenant,
    /// search path and time zone, timeouts, what transactions are like by default, cursors, channels,
    /// session locks and temporary tables. Prepared statements that it discarded are missed once, as
    /// [`Error::Outdated`].
    ///
    /// On SQLite the connection is closed instead, if there is a temporary table or an attached database, if
    /// foreign keys are off, or if one of `ignore_check_constraints`, `recursive_triggers`,
    /// `writable_schema`, `read_uncommitted` and `case_sensitive_like` is not as it was when connecting;
    /// these five are not looked at in a tenant's own file, nor without a check when connecting. Other
    /// pragmas of the connection stay. Lent and dropped, it is always closed.
    pub fn connection(&mut self) -> &mut DB::Connection {
        self.lent = true;
        &mut self.conn
    }

    /// Runs a statement of this transaction and remembers if it failed.
    pub(crate) async fn execute(
        &mut self,
        query: QueryBuilder<DB>,
        statements: Statements,
    ) -> Result<u64, sqlx::Error> {
        let done = DB::execute(&mut self.conn, query, statements).await;
        self.note(done.as_ref().err());
        done
    }

    /// The same for a query.
    pub(crate) async fn fetch_all(
        &mut self,
        query: QueryBuilder<DB>,
    ) -> Result<Vec<DB::Row>, sqlx::Error> {
        let found = DB::fetch_all(&mut self.conn, query, self.statements).await;
        self.note(found.as_ref().err());
        found
    }

    /// The same for at most one row.
    pub(crate) async fn fetch_optional(
        &mut self,
        query: QueryBuilder<DB>,
    ) -> Result<Option<DB::Row>, sqlx::Error> {
        let found = DB::fetch_optional(&mut self.conn, query, self.statements).await;
        self.note(found.as_ref().err());
        found
    }

    fn note(&mut self, error: Option<&sqlx::Error>) {
        self.failed |= error.is_some();
        self.outdated |= error.is_some_and(error::is_outdated);
    }

    /// The same, row by row.
    pub(crate) fn fetch(
        &mut self,
        query: QueryBuilder<DB>,
    ) -> impl Stream<Item = Result<DB::Row, sqlx::Error>> + Send {
        let Self { conn, failed, outdated, statements, .. } = self;
        DB::fetch(conn, query, *statements).inspect_err(|error| {
            *failed = true;
            *outdated |= error::is_outdated(error);
        })
    }

    /// Looks for what would let a tenant see another's rows, from where this transaction stands, and
    /// ends it.
    pub(crate) async fn verify(
        mut self,
        registry: &Registry,
        options: &Options,
    ) -> Result<Vec<Finding>> {
        let findings = DB::verify(&mut self.conn, registry, options).await?;
        self.rollback().await?;
        Ok(findings)
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
    /// [`connection`](Tx::connection) by the name for SQL by hand. Row-level security holds: the
    /// statement sees and writes this tenant's rows and no others, whatever it says.
    pub fn raw(&mut self) -> &mut sqlx::PgConnection {
        self.connection()
    }
}

#[cfg(feature = "sqlite")]
impl TenantTx<sqlx::Sqlite> {
    /// [`connection`](Tx::connection) by the name for SQL by hand. SQLite has no row-level security:
    /// the statement must say `tenant_id = …` itself.
    pub fn raw_unenforced(&mut self) -> &mut sqlx::SqliteConnection {
        self.connection()
    }
}

/// Lets code that knows only connections run inside the transaction.
impl<DB: TenantBackend<Connection = C>, S: Scope, C> AsMut<C> for Tx<DB, S> {
    fn as_mut(&mut self) -> &mut C {
        self.connection()
    }
}

impl<DB: TenantBackend, S: Scope> Drop for Tx<DB, S> {
    fn drop(&mut self) {
        if self.open {
            // Queued before the connection goes back, and flushed before anybody gets it again.
            if !self.lent {
                DB::TransactionManager::start_rollback(&mut self.conn);
            } else if !DB::abandon_lent(&mut self.conn, &self.terms) {
                self.conn.close_on_drop();
            }
        }
        if self.aftermath.is_some() || self.outdated {
            self.conn.close_on_drop();
        }
    }
}

impl<DB: TenantBackend, S: Scope> fmt::Debug for Tx<DB, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("scope", &self.scope).finish_non_exhaustive()
    }
}
