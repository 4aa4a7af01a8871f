use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use saas_core::TenantId;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Postgres, QueryBuilder, SqlStr};

use super::fleet::{Fleet, Place};
use super::progress::Listener;
use super::timeouts::Timeouts;
use super::{MigrationReport, Progress, Steps};
use crate::{OpenDatabase, Result};

/// Brings tenants' PostgreSQL databases to the latest version.
///
/// Where a database stands is in itself, in the one row of its table `saas.schemas`, which also says
/// whose it is. Its pending steps and that row are one transaction: kill the process at any moment and
/// run again. Of several processes one works on a database and the others wait for it. A database that
/// fails or cannot be reached does not stop the others; its error is in the [`MigrationReport`], and
/// the next run tries it again.
///
/// The database itself is made by whoever runs the server, since `create database` is part of no
/// transaction. The opener is one of the migrator's own: it connects as the role that owns the tables.
///
/// ```no_run
/// # async fn example(tenants: Vec<saas_core::TenantId>, tenant: saas_core::TenantId)
/// # -> saas_tenancy::Result<()> {
/// use saas_core::TenantId;
/// use saas_tenancy::{DatabaseMigrator, Error, Steps};
/// use sqlx::postgres::PgConnectOptions;
///
/// let steps = Steps::new(["create table notes (tenant_id uuid, id uuid, primary key (tenant_id, id))"]);
/// let owner = |tenant: TenantId| async move {
///     let name = format!("t_{}", tenant.uuid().simple());
///     Ok::<_, Error>(PgConnectOptions::new().host("db.internal").username("owner").database(&name))
/// };
/// let migrator = DatabaseMigrator::new(owner, steps).parallel(8);
/// migrator.provision(tenant).await?;         // a new tenant's database
/// let report = migrator.run(tenants).await;  // at each release: everybody's
/// assert!(report.is_complete(), "{:?}", report.failures);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct DatabaseMigrator {
    opener: Arc<dyn OpenDatabase<Postgres>>,
    fleet: Fleet,
    timeouts: Timeouts,
}

impl DatabaseMigrator {
    /// Over the databases that `opener` leads to, four at a time; a statement may take ten minutes
    /// and wait ten seconds for a lock.
    pub fn new(opener: impl OpenDatabase<Postgres>, steps: Steps) -> Self {
        let (opener, timeouts) = (Arc::new(opener), Timeouts::default());
        Self { opener, fleet: Fleet::new(steps), timeouts }
    }

    /// How many databases are migrated at a time, each over one connection.
    #[must_use]
    pub fn parallel(mut self, databases: usize) -> Self {
        self.fleet.parallel = databases.max(1);
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

    /// Calls `listen` after each database of a run.
    #[must_use]
    pub fn on_progress(mut self, listen: impl Fn(&Progress<'_>) + Send + Sync + 'static) -> Self {
        self.fleet.listener = Listener::new(listen);
        self
    }

    /// Brings the tenant's database, new or not, to the latest version. One that is new has its
    /// tables either as a whole or not at all.
    ///
    /// # Errors
    /// [`Error::NotProvisioned`](crate::Error::NotProvisioned) if there is no such database;
    /// [`Error::Migration`](crate::Error::Migration) if a step fails;
    /// [`Error::UnknownMigration`](crate::Error::UnknownMigration) if the database has steps that are
    /// not known here; [`Error::ForeignDatabase`](crate::Error::ForeignDatabase) if it is another
    /// tenant's.
    pub async fn provision(&self, tenant: TenantId) -> Result<()> {
        let options = self.opener.options(tenant).await?;
        self.bring(tenant, &options).await.map(drop)
    }

    /// Brings the databases of these tenants to the latest version. One that fails is no error but a
    /// [`Failure`](crate::schemas::Failure) in the report.
    pub async fn run(&self, tenants: impl IntoIterator<Item = TenantId>) -> MigrationReport {
        let mut tenants: Vec<_> = tenants.into_iter().collect();
        tenants.sort_unstable();
        tenants.dedup();
        let bring = async |tenant| match self.opener.options(tenant).await {
            Ok(options) => (place(&options), self.bring(tenant, &options).await),
            Err(error) => (tenant.to_string(), Err(error)),
        };
        self.fleet.run(tenants, bring).await
    }

    /// Brings one database to the latest version; whether it was not there already.
    async fn bring(&self, tenant: TenantId, options: &PgConnectOptions) -> Result<bool> {
        let opened = options.connect().await;
        let mut conn = opened.map_err(|error| crate::Error::on_opening(Some(tenant), error))?;
        // Set only after the row in the ledger is held: whoever holds it is waited for.
        let before: SqlStr = QueryBuilder::<Postgres>::new(self.timeouts.to_string()).into_sql();
        let (name, before) = (&*place(options), before);
        let brought = self.fleet.bring::<Postgres>(&mut conn, Place { tenant, name, before }).await;
        // What was to be done is done or undone: that the connection ends badly changes nothing.
        if let Err(error) = conn.close().await {
            tracing::debug!(%tenant, %error, "a migrator's connection ended badly");
        }
        brought
    }
}

/// What tells a database from others on the same and on other servers.
fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    format!("{}:{}/{database}", options.get_host(), options.get_port())
}

impl fmt::Debug for DatabaseMigrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseMigrator")
            .field("fleet", &self.fleet)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}
