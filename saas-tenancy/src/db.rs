use std::fmt;
use std::sync::Arc;

use saas_core::TenantId;
use saas_core::sql::Statements;
use sqlx::Pool;

use crate::isolation::{Home, Pools, survey};
use crate::{
    Databases, Error, Global, GlobalTx, Isolation, Options, PoolStats, Read, Registry, Result,
    Tenant, TenantBackend, TenantTx, Tx,
};

/// A database in which no query goes without a tenant.
pub struct TenantDb<DB: TenantBackend> {
    pool: Pool<DB>,
    /// Of each tenant its own, where that is the model of isolation.
    databases: Option<Arc<Pools<DB>>>,
    options: Options,
}

impl<DB: TenantBackend> TenantDb<DB> {
    /// Checks that the database enforces what the registry declares, then takes the pool.
    ///
    /// On PostgreSQL it refuses a role that could get around row-level security, a registered table
    /// without its wall, keys that leave the tenant out, views and functions that read tenants' rows
    /// with another's rights, and a pooler that nobody declared. On SQLite it refuses keys that leave
    /// the tenant out, guard triggers and tables of this crate that are missing or others, and foreign
    /// keys that are off. Each finding names the object and the remedy. The README lists what no check
    /// can see.
    ///
    /// In a schema per tenant the tables of every schema are checked. What is wrong in many of them is
    /// told of some and counted of the rest.
    ///
    /// # Errors
    /// [`Error::Unsafe`] with the findings; [`Error::Unavailable`] if the database does not answer.
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
        let mut db = Self { pool, databases: None, options };
        db.options.session = DB::session(&db.pool).await?.map(Arc::new);
        // In a transaction, so that it works behind a pooler as well.
        let mut tx = db.global().await?;
        let survey = DB::survey(tx.connection(), &registry, &db.options).await?;
        let mut findings = survey::judge(&db.options, &registry, &survey);
        if survey.incomplete > 0 && db.options.isolation == Isolation::Schema {
            tracing::warn!(
                schemas = survey.incomplete,
                "tenants' schemas lack a registered table: run the migrator"
            );
        }
        // Without any schema there is no tenants' table to verify.
        let without = db.options.isolation != Isolation::Row && survey.schemas == 0;
        let verified = if without { Registry::new() } else { registry };
        findings.extend(tx.verify(&verified, &db.options).await?);
        if db.options.statements == Statements::Named {
            findings.extend(DB::look_for_pooler(&db.pool).await?);
        }
        if findings.is_empty() { Ok(db) } else { Err(Error::Unsafe(findings)) }
    }

    /// Takes a database or file per tenant, and `shared` for what has no tenant: global entities, the
    /// directory of tenants.
    ///
    /// Checks `shared` now, and each tenant's database when it is opened for the first time and
    /// before anybody uses it. [`Isolation::Database`] need not be declared.
    ///
    /// ```no_run
    /// # async fn example(shared: sqlx::SqlitePool, registry: saas_tenancy::Registry)
    /// # -> saas_tenancy::Result<()> {
    /// use saas_tenancy::{Databases, Files, Options, TenantDb};
    /// let databases = Databases::new(Files::new("/var/lib/app/tenants")).max_open(200);
    /// let db = TenantDb::connect_databases(shared, databases, registry, Options::new()).await?;
    /// # drop(db);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`connect`](Self::connect), for `shared`.
    pub async fn connect_databases(
        shared: Pool<DB>,
        databases: Databases<DB>,
        registry: Registry,
        options: Options,
    ) -> Result<Self> {
        let options = options.isolation(Isolation::Database);
        let pools = Pools::new(databases, registry, options.clone());
        let mut db = Self { pool: shared, databases: Some(Arc::new(pools)), options };
        db.options.session = DB::session(&db.pool).await?.map(Arc::new);
        let findings = db.global().await?.verify(&Registry::new(), &db.options).await?;
        if findings.is_empty() { Ok(db) } else { Err(Error::Unsafe(findings)) }
    }

    /// Takes the pool without any check, for a development database that has no wall.
    ///
    /// Loud on purpose: every call logs a warning.
    pub fn connect_unverified(pool: Pool<DB>, options: Options) -> Self {
        tracing::warn!("tenant isolation is NOT verified: never do this in production");
        Self { pool, databases: None, options }
    }

    /// Opens a transaction bound to one tenant, in one round trip.
    ///
    /// On SQLite it takes the write lock at once, since a transaction that reads first and writes
    /// later cannot wait for it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer, [`Error::Contention`] if SQLite's
    /// write lock was not free in time. With a schema or database per tenant also
    /// [`Error::NotProvisioned`] if the tenant has none, and with databases [`Error::Budget`] if all
    /// that may be open are in use.
    pub async fn tenant(&self, tenant: TenantId) -> Result<TenantTx<DB>> {
        Tx::open(self.home(Some(tenant)).await?, Tenant(tenant), &self.options).await
    }

    /// Opens a transaction on global entities.
    ///
    /// # Errors
    /// As [`tenant`](Self::tenant).
    pub async fn global(&self) -> Result<GlobalTx<DB>> {
        Tx::open(self.home(None).await?, Global, &self.options).await
    }

    /// Reads one tenant's rows, each query one statement in one round trip and no transaction.
    pub fn read(&self, tenant: TenantId) -> Read<DB> {
        Read { db: self.clone(), scope: Tenant(tenant) }
    }

    /// Reads global rows, each query one statement in one round trip and no transaction.
    pub fn read_global(&self) -> Read<DB, Global> {
        Read { db: self.clone(), scope: Global }
    }

    /// How tenants are kept apart.
    pub fn isolation(&self) -> Isolation {
        self.options.isolation
    }

    /// How the tenants' pools are used; all zero where they share one.
    pub fn pool_stats(&self) -> PoolStats {
        self.databases.as_ref().map(|pools| pools.stats()).unwrap_or_default()
    }

    /// Closes the tenant's own pool, unless it is in use; whether none is open now. The next
    /// transaction opens it again.
    pub async fn close_tenant(&self, tenant: TenantId) -> bool {
        match &self.databases {
            Some(pools) => pools.close_one(tenant).await,
            None => true,
        }
    }

    /// Closes every connection, each as soon as who uses it is done; nothing is opened any more.
    pub async fn close(&self) {
        if let Some(pools) = &self.databases {
            pools.close().await;
        }
        self.pool.close().await;
    }

    /// The pool, for what has no tenant.
    pub fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    /// Where the connections of a scope come from.
    pub(crate) async fn home(&self, tenant: Option<TenantId>) -> Result<Home<DB>> {
        match (&self.databases, tenant) {
            (Some(pools), Some(tenant)) => pools.home(tenant).await,
            _ => Ok(Home::shared(self.pool.clone())),
        }
    }

    /// The same with another pool.
    #[cfg(feature = "testing")]
    pub(crate) fn on(&self, pool: Pool<DB>) -> Self {
        Self { pool, ..self.clone() }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }
}

impl<DB: TenantBackend> Clone for TenantDb<DB> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            databases: self.databases.clone(),
            options: self.options.clone(),
        }
    }
}

impl<DB: TenantBackend> fmt::Debug for TenantDb<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantDb").field("options", &self.options).finish_non_exhaustive()
    }
}
