use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;
use saas_core::TenantId;
use saas_core::schema::quoted;
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder, SqlStr};

use super::postgres_ledger::{self as ledger, Entry, Wanted};
use super::progress::{Listener, told};
use super::steps::{Standing, Step};
use super::{Progress, Report, Steps};
use crate::isolation::{Home, schema};
use crate::{Error, Global, GlobalTx, Options, Result, SchemaNames, Tx};

/// Makes tenants' schemas and brings all of them to the latest version.
///
/// Where each stands is in the ledger `saas.schemas`, which [`migrate`](crate::migrate) makes. A
/// schema's pending steps and its row in the ledger are one transaction: kill the process at any
/// moment and run again. Several processes share the work: each takes schemas that no other holds. A
/// schema that fails does not stop the others; its error is in the ledger and in the [`Report`], and
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
    steps: Steps,
    app_role: String,
    names: SchemaNames,
    parallel: usize,
    statement_timeout: Duration,
    lock_timeout: Duration,
    listener: Listener,
}

/// What the workers of one run share.
struct Run {
    wanted: Wanted,
    total: u64,
    done: AtomicU64,
    migrated: AtomicU64,
}

/// A schema that is held by a transaction.
type Claimed = (GlobalTx<Postgres>, Entry);

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
            statement_timeout: Duration::from_secs(600),
            lock_timeout: Duration::from_secs(10),
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
        self.statement_timeout = limit;
        self
    }

    /// How long a statement may wait for a lock, while who waits behind it waits as well; zero for
    /// ever.
    #[must_use]
    pub fn lock_timeout(mut self, limit: Duration) -> Self {
        self.lock_timeout = limit;
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
                quoted(&self.app_role)
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

    /// Brings every schema of the ledger to the latest version.
    ///
    /// # Errors
    /// [`Error::UnknownMigration`] if a schema has steps that are not known here or have changed
    /// since; nothing is then migrated. [`Error::Unavailable`] if the database does not answer any
    /// more. A schema that fails is no error but a [`Failure`](crate::Failure) in the report.
    pub async fn run(&self) -> Result<Report> {
        let version = self.steps.latest();
        let mut tx = self.begin().await?;
        for entry in ledger::histories(tx.connection()).await? {
            self.pending(&entry)?;
        }
        let wanted = Wanted { below: version, since: ledger::now(tx.connection()).await? };
        let total = ledger::count(tx.connection(), wanted).await?;
        tx.rollback().await?;
        tracing::info!(version, total, "migrating the tenants' schemas");
        let (done, migrated) = (AtomicU64::new(0), AtomicU64::new(0));
        let run = Run { wanted, total, done, migrated };
        try_join_all((0..self.parallel).map(|_| self.work(&run))).await?;
        let mut tx = self.begin().await?;
        let failures = ledger::failures(tx.connection(), wanted.since).await?;
        tx.rollback().await?;
        Ok(Report { version, migrated: run.migrated.into_inner(), failures })
    }

    /// Migrates one schema after another until none is left.
    async fn work(&self, run: &Run) -> Result<()> {
        let mut waiting = false;
        loop {
            match self.claim(run, waiting).await? {
                Some((tx, entry)) => {
                    waiting = false;
                    self.migrate(run, tx, entry).await?;
                }
                // What is left is held by others. Wait for them, and do what a killed one leaves.
                None if !waiting => waiting = true,
                None => {
                    let mut tx = self.begin().await?;
                    if ledger::count(tx.connection(), run.wanted).await? == 0 {
                        return tx.rollback().await;
                    }
                }
            }
        }
    }

    async fn claim(&self, run: &Run, waiting: bool) -> Result<Option<Claimed>> {
        let mut tx = self.begin().await?;
        match ledger::claim(tx.connection(), run.wanted, waiting).await.map_err(Error::from) {
            Ok(Some(entry)) => Ok(Some((tx, entry))),
            // Whoever holds it is still at work.
            Ok(None) | Err(Error::Contention(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn migrate(&self, run: &Run, mut tx: GlobalTx<Postgres>, entry: Entry) -> Result<()> {
        // What fails is undone up to here, so that the row is held until the failure stands in it:
        // let go in between, another worker would try the schema again.
        sqlx::raw_sql("savepoint migration").execute(tx.connection()).await?;
        let mut error = self.apply(tx.connection(), &entry).await.err().map(|error| told(&error));
        if let Some(error) = &error {
            sqlx::raw_sql("rollback to migration").execute(tx.connection()).await?;
            ledger::fail(tx.connection(), &entry, error).await?;
        }
        if let Err(refused) = tx.commit().await {
            // A deferred constraint, which is asked only now.
            let mut tx = self.begin().await?;
            let refused = error.insert(told(&refused));
            ledger::fail(tx.connection(), &entry, refused).await?;
            tx.commit().await?;
        }
        run.migrated.fetch_add(u64::from(error.is_none()), Ordering::Relaxed);
        let done = run.done.fetch_add(1, Ordering::Relaxed) + 1;
        let (tenant, place, error) = (entry.tenant, &entry.name, error.as_deref());
        self.listener.tell(&Progress { tenant, place, error, done, total: run.total });
        Ok(())
    }

    /// Applies what is pending, and writes it down in the same transaction.
    async fn apply(&self, conn: &mut PgConnection, entry: &Entry) -> Result<()> {
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

    fn pending(&self, entry: &Entry) -> Result<&[Step]> {
        self.steps.after(&entry.standing).map_err(|(version, problem)| {
            let place = entry.name.clone();
            Error::UnknownMigration { version, place, problem }
        })
    }

    async fn begin(&self) -> Result<GlobalTx<Postgres>> {
        let begin = QueryBuilder::<Postgres>::new(format!(
            "begin; set local statement_timeout = {}; set local lock_timeout = {}",
            self.statement_timeout.as_millis(),
            self.lock_timeout.as_millis()
        ));
        let begin: SqlStr = begin.into_sql();
        Tx::begun(Home::shared(self.pool.clone()), begin, Global, &Options::new()).await
    }
}
