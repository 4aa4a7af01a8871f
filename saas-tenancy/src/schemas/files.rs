use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt, stream};
use saas_core::TenantId;
use saas_core::sql::{Backend, Statements};
use sqlx::{ConnectOptions, Connection, QueryBuilder, Row, SqlStr, Sqlite, SqliteConnection};

use super::progress::{Listener, told};
use super::steps::Standing;
use super::{Failure, Progress, Report, Steps};
use crate::{Error, Files, Result};

/// Makes tenants' SQLite files and brings all of them to the latest version.
///
/// Where a file stands is in the file, in its table `saas_schemas`. Its pending steps and that row
/// are one transaction: kill the process at any moment and run again. A file that fails does not stop
/// the others; its error is in it and in the [`Report`], and the next run tries it again.
///
/// ```no_run
/// # async fn example(tenant: saas_core::TenantId) -> saas_tenancy::Result<()> {
/// use saas_tenancy::{FileMigrator, Files, Steps};
///
/// let steps = Steps::new(["create table notes (tenant_id blob, id blob, primary key (tenant_id, id))"]);
/// let migrator = FileMigrator::new(Files::new("/var/lib/app/tenants"), steps);
/// migrator.provision(tenant).await?;       // a new tenant's file
/// let report = migrator.run().await?;      // at each release: everybody's
/// assert!(report.is_complete(), "{:?}", report.failures);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct FileMigrator {
    files: Files,
    steps: Steps,
    parallel: usize,
    listener: Listener,
}

impl FileMigrator {
    /// Over these files, four at a time.
    pub fn new(files: Files, steps: Steps) -> Self {
        Self { files, steps, parallel: 4, listener: Listener::default() }
    }

    /// How many files are migrated at a time.
    #[must_use]
    pub fn parallel(mut self, files: usize) -> Self {
        self.parallel = files.max(1);
        self
    }

    /// Calls `listen` after each file of a run.
    #[must_use]
    pub fn on_progress(mut self, listen: impl Fn(&Progress<'_>) + Send + Sync + 'static) -> Self {
        self.listener = Listener::new(listen);
        self
    }

    /// Makes the tenant's file at the latest version, or brings it there. A file that is not complete
    /// is not read by anybody; called again, this goes on with it.
    ///
    /// # Errors
    /// [`Error::Migration`] if a step fails; [`Error::UnknownMigration`] if the file has steps that
    /// are not known here; [`Error::ForeignFile`] if it is another tenant's.
    pub async fn provision(&self, tenant: TenantId) -> Result<()> {
        self.bring(tenant, true).await.map(drop)
    }

    /// Brings every file of the folder to the latest version; one whose provisioning has not come to
    /// an end is left as it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the folder cannot be read. A file that fails is no error but a
    /// [`Failure`] in the report.
    pub async fn run(&self) -> Result<Report> {
        let tenants = self.files.tenants().map_err(|error| Error::Unavailable(error.into()))?;
        let (version, total) = (self.steps.latest(), tenants.len() as u64);
        tracing::info!(version, total, "migrating the tenants' files");
        let (done, migrated) = (AtomicU64::new(0), AtomicU64::new(0));
        let one = async |tenant: TenantId| {
            let brought = self.bring(tenant, false).await;
            let error = brought.as_ref().err().map(|error| told(error));
            migrated.fetch_add(u64::from(brought.is_ok_and(|further| further)), Ordering::Relaxed);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            let place = self.place(tenant);
            let progress = Progress { tenant, place: &place, error: error.as_deref(), done, total };
            self.listener.tell(&progress);
            error.map(|error| Failure { tenant, place, error })
        };
        let results = stream::iter(tenants).map(one).buffer_unordered(self.parallel);
        let mut failures: Vec<Failure> = results.filter_map(std::future::ready).collect().await;
        failures.sort_by_key(|failure| failure.tenant);
        Ok(Report { version, migrated: migrated.into_inner(), failures })
    }

    /// Brings one file to the latest version; whether it was not there already.
    async fn bring(&self, tenant: TenantId, provisioning: bool) -> Result<bool> {
        let options = self.files.connect_options(tenant, provisioning);
        let mut conn = options.connect().await?;
        let brought = self.bring_on(&mut conn, tenant, provisioning).await;
        conn.close().await?;
        brought
    }

    async fn bring_on(
        &self,
        conn: &mut SqliteConnection,
        tenant: TenantId,
        provisioning: bool,
    ) -> Result<bool> {
        if !provisioning && Files::owner(conn).await?.is_none() {
            return Ok(false);
        }
        let failed = |source| Error::Migration { version: 0, place: self.place(tenant), source };
        // The tables that this crate itself needs, audit and settings for instance.
        crate::migrate::<Sqlite>(conn).await.map_err(|error| failed(error.into()))?;
        let mut tx = conn.begin_with(SqlStr::from_static("begin immediate")).await?;
        let standing = self.standing(&mut tx, tenant).await?;
        let applied = match self.apply(&mut tx, tenant, &standing).await {
            Ok(further) => tx.commit().await.map(|()| further).map_err(Error::from),
            Err(error) => tx.rollback().await.map_err(Error::from).and(Err(error)),
        };
        if let Err(error) = &applied {
            fail(conn, &told(error)).await?;
        }
        applied
    }

    /// Where the file stands, its row made if it is new.
    async fn standing(&self, conn: &mut SqliteConnection, tenant: TenantId) -> Result<Standing> {
        if let Some(owner) = Files::owner(conn).await?
            && owner != tenant
        {
            return Err(Error::ForeignFile { tenant, owner });
        }
        enrol(conn, tenant).await?;
        Ok(standing(conn).await?)
    }

    /// Applies what is pending, and writes it down in the same transaction.
    async fn apply(
        &self,
        conn: &mut SqliteConnection,
        tenant: TenantId,
        standing: &Standing,
    ) -> Result<bool> {
        let pending = self.steps.after(standing).map_err(|(version, problem)| {
            Error::UnknownMigration { version, place: self.place(tenant), problem }
        })?;
        // A table that is rebuilt, as SQLite asks for many changes, breaks references for a moment.
        let later = QueryBuilder::new("pragma defer_foreign_keys = on");
        Sqlite::execute(conn, later, Statements::Unnamed).await?;
        for step in pending {
            let place = self.place(tenant);
            let failed = |source| Error::Migration { version: step.version, place, source };
            sqlx::raw_sql(step.sql.clone()).execute(&mut *conn).await.map_err(failed)?;
        }
        let reached = match pending.last() {
            Some(last) => Standing { version: last.version, checksum: last.checksum.clone() },
            None => standing.clone(),
        };
        finish(conn, &reached).await?;
        Ok(!pending.is_empty())
    }

    fn place(&self, tenant: TenantId) -> String {
        self.files.path(tenant).display().to_string()
    }
}

/// The ledger `saas_schemas`, whose one row is the file's own.
async fn enrol(conn: &mut SqliteConnection, tenant: TenantId) -> Result<u64, sqlx::Error> {
    let mut query = QueryBuilder::new("insert into saas_schemas (tenant_id, at) values (");
    query.push_bind(tenant.uuid());
    query.push(", strftime('%Y-%m-%dT%H:%M:%fZ')) on conflict do nothing");
    Sqlite::execute(conn, query, Statements::Unnamed).await
}

async fn standing(conn: &mut SqliteConnection) -> Result<Standing, sqlx::Error> {
    let query = QueryBuilder::new("select version, checksum from saas_schemas");
    let row = Sqlite::fetch_optional(conn, query, Statements::Unnamed).await?;
    let row = row.ok_or(sqlx::Error::RowNotFound)?;
    Ok(Standing { version: row.try_get(0)?, checksum: row.try_get(1)? })
}

async fn finish(conn: &mut SqliteConnection, reached: &Standing) -> Result<u64, sqlx::Error> {
    let mut query = QueryBuilder::new("update saas_schemas set version = ");
    query.push_bind(reached.version).push(", checksum = ").push_bind(reached.checksum.clone());
    query.push(", state = 'ready', error = null, attempts = attempts + 1");
    query.push(", at = strftime('%Y-%m-%dT%H:%M:%fZ')");
    Sqlite::execute(conn, query, Statements::Unnamed).await
}

async fn fail(conn: &mut SqliteConnection, error: &str) -> Result<u64, sqlx::Error> {
    let mut query = QueryBuilder::new("update saas_schemas set state = 'failed', error = ");
    query.push_bind(error.to_owned()).push(", attempts = attempts + 1");
    query.push(", at = strftime('%Y-%m-%dT%H:%M:%fZ')");
    Sqlite::execute(conn, query, Statements::Unnamed).await
}
