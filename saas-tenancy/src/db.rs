use std::fmt;

use saas_core::TenantId;
use sqlx::Pool;

use crate::{
    Error, Global, GlobalTx, Options, Read, Registry, Result, Tenant, TenantBackend, TenantTx, Tx,
};

/// A database in which no query goes without a tenant.
pub struct TenantDb<DB: TenantBackend> {
    pool: Pool<DB>,
    options: Options,
}

impl<DB: TenantBackend> TenantDb<DB> {
    /// Checks that the database enforces what the registry declares, then takes the pool.
    ///
    /// On PostgreSQL it refuses a role that could get around row-level security and a registered
    /// table without its wall; each finding names the object and the remedy.
    ///
    /// # Errors
    /// [`Error::Unsafe`] with all findings; [`Error::Unavailable`] if the database does not answer.
    pub async fn connect(pool: Pool<DB>, registry: Registry) -> Result<Self> {
        Self::connect_with(pool, registry, Options::new()).await
    }

    /// The same with [`Options`].
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with(
        pool: Pool<DB>,
        registry: Registry,
        options: Options,
    ) -> Result<Self> {
        let db = Self { pool, options };
        // In a transaction, so that it works behind a pooler as well.
        let mut tx = db.global().await?;
        let findings = DB::verify(tx.connection(), &registry).await?;
        if findings.is_empty() { Ok(db) } else { Err(Error::Unsafe(findings)) }
    }

    /// Takes the pool without any check, for a development database that has no wall.
    ///
    /// Loud on purpose: every call logs a warning.
    pub fn connect_unverified(pool: Pool<DB>, options: Options) -> Self {
        tracing::warn!("tenant isolation is NOT verified: never do this in production");
        Self { pool, options }
    }

    /// Opens a transaction bound to one tenant, in one round trip.
    ///
    /// On SQLite it takes the write lock at once, since a transaction that reads first and writes
    /// later cannot wait for it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer, [`Error::Contention`] if SQLite's
    /// write lock was not free in time.
    pub async fn tenant(&self, tenant: TenantId) -> Result<TenantTx<DB>> {
        Tx::open(&self.pool, Tenant(tenant), &self.options).await
    }

    /// Opens a transaction on global entities.
    ///
    /// # Errors
    /// As [`tenant`](Self::tenant).
    pub async fn global(&self) -> Result<GlobalTx<DB>> {
        Tx::open(&self.pool, Global, &self.options).await
    }

    /// Reads one tenant's rows, each query one statement in one round trip and no transaction.
    pub fn read(&self, tenant: TenantId) -> Read<DB> {
        Read { db: self.clone(), scope: Tenant(tenant) }
    }

    /// Reads global rows, each query one statement in one round trip and no transaction.
    pub fn read_global(&self) -> Read<DB, Global> {
        Read { db: self.clone(), scope: Global }
    }

    /// The pool, for what has no tenant.
    pub fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }
}

impl<DB: TenantBackend> Clone for TenantDb<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), options: self.options.clone() }
    }
}

impl<DB: TenantBackend> fmt::Debug for TenantDb<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantDb").field("options", &self.options).finish_non_exhaustive()
    }
}
