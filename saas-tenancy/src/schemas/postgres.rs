use std::time::Duration;

use saas_core::TenantId;
use saas_core::schema::{identifier, quoted};
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder, SqlStr};

use super::postgres_ledger::{self as ledger, Entry};
use super::progress::Listener;
use super::steps::{Standing, Step};
use super::timeouts::Timeouts;
use super::{Progress, Steps};
use crate::isolation::{Home, schema};
use crate::postgres::lent::BEGIN;
use crate::{Error, Global, GlobalTx, Options, Result, SchemaNames, Tx};

/// Makes tenants' schemas and brings all of them to the latest version.
///
/// Where each stands is in the ledger `saas.schemas`, which [`migrate`](crate::migrate) makes. A
/// schema's pending steps and its row in the ledger are one transaction: kill the process at any
/// moment and run again. Several processes share the work: each takes schemas that no other holds. A
/// schema that fails does not stop the others; its error is in the ledger and in the [`MigrationReport`](crate::schemas::MigrationReport), and
/// the next run tries it again.
///
/// ```no_run
/// # async fn example(owner: sqlx::PgPool, tenant: saas_core::TenantId) -> saas_tenancy::Result<()> {
/// use saas_tenancy::{SchemaMigrator, Steps};
///
/// let steps = Steps::new(["create table notes (tenant_id uuid, id uuid, primary key (tenant_id, id))"]);
/// let migrator = SchemaMigrator::new(owner, steps, "app").parallel(8);
/// migrator.provision(tenant).await?;       // a new tenant's schema
/// let report = migrator.run().await?;      // at each release: everybody's
/// assert!(report.is_complete(), "{:?}", report.failures);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SchemaMigrator {
    pool: PgPool,
    pub(super) steps: Steps,
    app_role: String,
    names: SchemaNames,
    pub(super) parallel: usize,
    timeouts: Timeouts,
    pub(super) listener: Listener,
}

impl SchemaMigrator {
    /// Over connections of the role that owns the tables, for the role that the application connects
    /// as. Four schemas at a time; a statement may take ten minutes and wait ten seconds for a lock.
    pub fn new(pool: PgPool, steps: Steps, app_role: impl Into<String>) -> Self {
        Self {
            pool,
            steps,
            app_role: app_role.into(),
            names: SchemaNames::default(),
            parallel: 4,
            timeouts: Timeouts::default(),
            listener: Listener::default(),
        }
    }

    /// How the schemas are named; the same as in [`Options::schema_names`].
    #[must_use]
    pub fn schema_names(mut self, names: SchemaNames) -> Self {
        self.names = names;
        self
    }

    /// How many schemas are migrated at a time, each on a connection of the pool.
    #[must_use]
    pub fn parallel(mut self, schemas: usize) -> Self {
        self.parallel = schemas.max(1);
        self
    }

    /// How long one statement of a step may take; zero for ever.
    #[must_use]
    pub fn statement_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.statement = limit;
        self
    }

    /// How long a statement may wait for a lock, while who waits behind it waits as well; zero for
    /// ever.
    #[must_use]
    pub fn lock_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.lock = limit;
        self
    }

    /// Calls `listen` after each schema of a run.
    #[must_use]
    pub fn on_progress(mut self, listen: impl Fn(&Progress<'_>) + Send + Sync + 'static) -> Self {
        self.listener = Listener::new(listen);
        self
    }

    /// Makes the tenant's schema at the latest version, or brings it there. A schema is either there
    /// as a whole or not at all.
    ///
    /// # Errors
    /// [`Error::Migration`] if a step fails, or if a schema of that name is there but not in the
    /// ledger; [`Error::UnknownMigration`] if the tenant has steps that are not known here.
    pub async fn provision(&self, tenant: TenantId) -> Result<()> {
        let name = self.names.of(tenant);
        let mut tx = self.begin().await?;
        if ledger::enrol(tx.connection(), tenant, &name).await? {
            let create = QueryBuilder::<Postgres>::new(format!(
                "create schema {0}; grant usage on schema {0} to {1}",
                quoted(&name),
                identifier(&self.app_role)
            ));
            let failed = |source| Error::Migration { version: 0, place: name.clone(), source };
            let create = sqlx::raw_sql(create.into_sql()).execute(tx.connection());
            create.await.map_err(failed)?;
        }
        let entry = ledger::lock(tx.connection(), tenant).await?;
        // Who removes a tenant at the very moment wins.
        let entry = entry.ok_or(Error::NotProvisioned { tenant })?;
        self.apply(tx.connection(), &entry).await?;
        tx.commit().await
    }

    /// Drops the tenant's schema with all that is in it; that there is none is no error.
    ///
    /// # Errors
    /// [`Error::Contention`] if somebody works in it for longer than the lock timeout.
    pub async fn remove(&self, tenant: TenantId) -> Result<()> {
        let mut tx = self.begin().await?;
        let Some(entry) = ledger::lock(tx.connection(), tenant).await? else { return Ok(()) };
        let drop = format!("drop schema if exists {} cascade", quoted(&entry.name));
        let drop = QueryBuilder::<Postgres>::new(drop).into_sql();
        sqlx::raw_sql(drop).execute(tx.connection()).await?;
        ledger::strike(tx.connection(), tenant).await?;
        tx.commit().await
    }

    /// Applies what is pending, and writes it down in the same transaction.
    pub(super) async fn apply(&self, conn: &mut PgConnection, entry: &Entry) -> Result<()> {
        let pending = self.pending(entry)?;
        for step in pending {
            let sql = schema::step(&self.names, &entry.name, step.sql.as_str());
            let failed = |source| {
                let place = entry.name.clone();
                Error::Migration { version: step.version, place, source }
            };
            sqlx::raw_sql(sql).execute(&mut *conn).await.map_err(failed)?;
        }
        let reached = match pending.last() {
            Some(last) => Standing { version: last.version, checksum: last.checksum.clone() },
            None => entry.standing.clone(),
        };
        Ok(ledger::finish(conn, entry.tenant, &reached).await?)
    }

    pub(super) fn pending(&self, entry: &Entry) -> Result<&[Step]> {
        self.steps.after(&entry.standing).map_err(|(version, problem)| {
            let place = entry.name.clone();
            Error::UnknownMigration { version, place, problem }
        })
    }

    pub(super) async fn begin(&self) -> Result<GlobalTx<Postgres>> {
        let begin = QueryBuilder::<Postgres>::new(format!("{BEGIN}; {}", self.timeouts));
        let begin: SqlStr = begin.into_sql();
        Tx::begun(Home::shared(self.pool.clone()), begin, Global, &Options::new()).await
    }
}
