use saas_core::TenantId;
use sqlx::{ConnectOptions, Connection, SqlStr, Sqlite};

use super::fleet::{Fleet, Place};
use super::progress::Listener;
use super::{MigrationReport, Progress, Steps};
use crate::{Error, Files, Result};

/// Makes tenants' SQLite files and brings all of them to the latest version.
///
/// Where a file stands is in the file, in its table `saas_schemas`. Its pending steps and that row
/// are one transaction: kill the process at any moment and run again. A file that fails does not stop
/// the others; its error is in it and in the [`MigrationReport`], and the next run tries it again.
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
    fleet: Fleet,
}

/// A table that is rebuilt, as SQLite asks for many changes, breaks references for a moment.
const BEFORE: &str = "pragma defer_foreign_keys = on";

impl FileMigrator {
    /// Over these files, four at a time.
    pub fn new(files: Files, steps: Steps) -> Self {
        Self { files, fleet: Fleet::new(steps) }
    }

    /// How many files are migrated at a time.
    #[must_use]
    pub fn parallel(mut self, files: usize) -> Self {
        self.fleet.parallel = files.max(1);
        self
    }

    /// Calls `listen` after each file of a run.
    #[must_use]
    pub fn on_progress(mut self, listen: impl Fn(&Progress<'_>) + Send + Sync + 'static) -> Self {
        self.fleet.listener = Listener::new(listen);
        self
    }

    /// Makes the tenant's file at the latest version, or brings it there. A file that is not complete
    /// is not read by anybody; called again, this goes on with it.
    ///
    /// # Errors
    /// [`Error::Migration`] if a step fails; [`Error::UnknownMigration`] if the file has steps that
    /// are not known here; [`Error::ForeignDatabase`] if it is another tenant's.
    pub async fn provision(&self, tenant: TenantId) -> Result<()> {
        self.bring(tenant, true).await.map(drop)
    }

    /// Brings every file of the folder to the latest version; one whose provisioning has not come to
    /// an end is left as it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the folder cannot be read. A file that fails is no error but a
    /// [`Failure`](crate::schemas::Failure) in the report.
    pub async fn run(&self) -> Result<MigrationReport> {
        let tenants = self.files.tenants().map_err(|error| Error::Unavailable(error.into()))?;
        let bring = async |tenant| (self.place(tenant), self.bring(tenant, false).await);
        Ok(self.fleet.run(tenants, bring).await)
    }

    /// Brings one file to the latest version; whether it was not there already.
    async fn bring(&self, tenant: TenantId, provisioning: bool) -> Result<bool> {
        let options = self.files.connect_options(tenant, provisioning);
        let mut conn = options.connect().await?;
        let brought = if provisioning || Files::owner(&mut conn).await?.is_some() {
            let (name, before) = (&*self.place(tenant), SqlStr::from_static(BEFORE));
            self.fleet.bring::<Sqlite>(&mut conn, Place { tenant, name, before }).await
        } else {
            Ok(false)
        };
        conn.close().await?;
        brought
    }

    fn place(&self, tenant: TenantId) -> String {
        self.files.path(tenant).display().to_string()
    }
}
