use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use futures_core::future::BoxFuture;
use saas_core::TenantId;
use saas_core::sql::{Backend, Statements};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::OpenDatabase;
use super::names::tenant_of;
use crate::{Error, Result};

/// A folder with one SQLite file per tenant, each named by its tenant's 32 hexadecimal digits.
///
/// A file is made by [`FileMigrator::provision`](crate::FileMigrator::provision) and never by
/// reading: a tenant without one is [`Error::NotProvisioned`]. Nothing but a
/// [`TenantId`] leads to a file, and a file says inside whose it is, so that one that was renamed or
/// copied to another tenant's name is refused.
///
/// Connections work in WAL mode, check foreign keys, wait up to five seconds for the write lock and
/// are `synchronous = full`: what was committed survives a power cut.
///
/// ```
/// use saas_core::TenantId;
/// use saas_tenancy::Files;
///
/// let tenant: TenantId = "0198a3f2-5c1e-7d3a-9b4c-1234567890ab".parse()?;
/// let files = Files::new("/var/lib/app/tenants");
/// assert_eq!(
///     files.path(tenant).to_str(),
///     Some("/var/lib/app/tenants/0198a3f25c1e7d3a9b4c1234567890ab.db"),
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
    synchronous: SqliteSynchronous,
    busy_timeout: Duration,
}

impl Files {
    /// The files of this folder, which must exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            synchronous: SqliteSynchronous::Full,
            busy_timeout: Duration::from_secs(5),
        }
    }

    /// How a commit waits for the disk. With `Normal` the last commits before a power cut may be
    /// lost; the file stays sound.
    #[must_use]
    pub fn synchronous(mut self, synchronous: SqliteSynchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// How long a transaction waits for the write lock of its file.
    #[must_use]
    pub fn busy_timeout(mut self, wait: Duration) -> Self {
        self.busy_timeout = wait;
        self
    }

    /// Where the tenant's file is, or would be.
    pub fn path(&self, tenant: TenantId) -> PathBuf {
        self.folder.join(format!("{}.db", tenant.uuid().simple()))
    }

    /// Whose files there are, provisioned or on the way, in the order of their ids.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn tenants(&self) -> io::Result<Vec<TenantId>> {
        let mut tenants = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let digits = name.to_str().and_then(|name| name.strip_suffix(".db"));
            tenants.extend(digits.and_then(tenant_of));
        }
        tenants.sort_unstable();
        Ok(tenants)
    }

    /// Removes the tenant's file with all that is in it; that there is none is no error.
    ///
    /// Close its pool first by [`TenantDb::close_tenant`](crate::TenantDb::close_tenant): on most
    /// systems whoever has it open goes on writing into a file that nobody finds any more.
    ///
    /// # Errors
    /// If the file cannot be removed.
    pub fn remove(&self, tenant: TenantId) -> io::Result<()> {
        let path = self.path(tenant);
        // The journal of a file that is gone would be taken for that of the next with this name.
        for suffix in ["-wal", "-shm", "-journal", ""] {
            let mut path = path.clone().into_os_string();
            path.push(suffix);
            match fs::remove_file(Path::new(&path)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn connect_options(&self, tenant: TenantId, create: bool) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(self.path(tenant))
            .create_if_missing(create)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(self.synchronous)
            .busy_timeout(self.busy_timeout)
    }
}

impl OpenDatabase<Sqlite> for Files {
    fn options(&self, tenant: TenantId) -> BoxFuture<'_, Result<SqliteConnectOptions>> {
        let found = self.path(tenant).try_exists();
        let options = match found {
            Ok(true) => Ok(self.connect_options(tenant, false)),
            Ok(false) => Err(Error::NotProvisioned { tenant }),
            Err(error) => Err(Error::Unavailable(error.into())),
        };
        Box::pin(std::future::ready(options))
    }

    fn check<'c>(
        &'c self,
        conn: &'c mut SqliteConnection,
        tenant: TenantId,
    ) -> BoxFuture<'c, Result<()>> {
        Box::pin(async move {
            let owner = Self::owner(conn).await?.ok_or(Error::NotProvisioned { tenant })?;
            if owner == tenant { Ok(()) } else { Err(Error::ForeignDatabase { tenant, owner }) }
        })
    }
}

const LEDGER: &str = "select 1 from sqlite_schema where type = 'table' and name = 'saas_schemas'";
const OWNER: &str = "select tenant_id from saas_schemas";

impl Files {
    /// Whom a file says it belongs to; nobody if its provisioning has not come to an end, since that
    /// writes it down last.
    pub(crate) async fn owner(
        conn: &mut SqliteConnection,
    ) -> Result<Option<TenantId>, sqlx::Error> {
        let ledger = QueryBuilder::new(LEDGER);
        if Sqlite::fetch_optional(conn, ledger, Statements::Unnamed).await?.is_none() {
            return Ok(None);
        }
        let owner = QueryBuilder::new(OWNER);
        let row = Sqlite::fetch_optional(conn, owner, Statements::Unnamed).await?;
        let owner: Option<Uuid> = row.map(|row| row.try_get(0)).transpose()?;
        Ok(owner.map(TenantId::from_uuid))
    }
}
