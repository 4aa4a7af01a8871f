use std::fmt;

use chrono::{DateTime, Utc};
use futures_core::future::BoxFuture;
use saas_core::schema::Dialect;
use saas_core::sql::Statements;
use sqlx::pool::PoolConnection;
use sqlx::{Connection, Pool};

use crate::backend::{self, Place, Records};
use crate::store::{Attempt, Claimed, Lease, Outcome, Store};
use crate::{Backend, Error};

/// Records in the application's own database: `SqlStore<Postgres>`, `SqlStore<Sqlite>`.
///
/// Every call is one statement that commits by itself, and a claim that finds a record writes
/// nothing (on SQLite a claim that wins is two statements).
///
/// A SQLite database in memory needs a pool of one connection: several share a cache, whose locks
/// no timeout waits for, and claims at once are answered with an error then.
pub struct SqlStore<DB: Backend> {
    pool: Pool<DB>,
    statements: Statements,
}

impl<DB: Backend> SqlStore<DB> {
    /// A store in the database of this pool, whose tables [`migrate`](crate::migrate) made.
    pub fn new(pool: Pool<DB>) -> Self {
        Self { pool, statements: Statements::Named }
    }

    /// How statements are prepared. Behind a pooler in transaction mode take
    /// [`Statements::Unnamed`]: every call then runs in a transaction of its own.
    #[must_use]
    pub fn statements(mut self, statements: Statements) -> Self {
        self.statements = statements;
        self
    }

    /// SQLite has no pooler in front of it, and a transaction there must not read before it writes.
    fn in_transaction(&self) -> bool {
        self.statements == Statements::Unnamed && DB::DIALECT == Dialect::Postgres
    }
}

/// A connection that is closed unless its transaction ended well: abandoning sqlx 0.9's `begin`
/// leaves the next borrower inside it.
struct Guarded<DB: Backend> {
    pooled: PoolConnection<DB>,
    clean: bool,
}

impl<DB: Backend> Drop for Guarded<DB> {
    fn drop(&mut self) {
        if !self.clean {
            self.pooled.close_on_drop();
        }
    }
}

/// Runs one call of the store on a connection of its own.
macro_rules! call {
    ($store:expr, $conn:ident => $work:expr) => {
        Box::pin(async move {
            let mut pooled = $store.pool.acquire().await?;
            if !$store.in_transaction() {
                // sqlx waits for the answer to an abandoned statement before the connection is
                // used again, so this may be cancelled.
                let $conn = &mut *pooled;
                return $work.await;
            }
            let mut guarded = Guarded { pooled, clean: false };
            let mut tx = guarded.pooled.begin().await?;
            let $conn = &mut *tx;
            let result = $work.await?;
            tx.commit().await?;
            guarded.clean = true;
            Ok(result)
        })
    };
}

impl<DB: Backend> Store for SqlStore<DB> {
    fn claim<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<Claimed, Error>> {
        call!(self, conn => backend::put(conn, attempt, None, Place::Store, self.statements))
    }

    fn complete<'a>(
        &'a self,
        lease: &'a Lease,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        call!(self, conn => conn.complete(lease, outcome, self.statements))
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, Error>> {
        call!(self, conn => conn.release(lease, self.statements))
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        until: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        call!(self, conn => conn.renew(lease, until, self.statements))
    }

    fn record<'a>(
        &'a self,
        attempt: &'a Attempt,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<Claimed, Error>> {
        call!(self, conn => backend::put(conn, attempt, Some(outcome), Place::Store, self.statements))
    }

    fn sweep(&self, now: DateTime<Utc>, limit: u32) -> BoxFuture<'_, Result<u64, Error>> {
        call!(self, conn => conn.sweep(now, limit, self.statements))
    }
}

impl<DB: Backend> Clone for SqlStore<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), statements: self.statements }
    }
}

impl<DB: Backend> fmt::Debug for SqlStore<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").field("statements", &self.statements).finish_non_exhaustive()
    }
}
