use std::time::Duration;

use saas_core::{Problem, TenantId};

use crate::tenants::Refused;
use crate::transfer::Fault;
use crate::{Finding, wall};

/// What a scoped statement comes to.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between a tenant and its rows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tenant has no such row. Whether another tenant has one cannot be told.
    #[error("no such row in {table}")]
    NotFound {
        /// The entity's table.
        table: &'static str,
    },
    /// The row was written since it was read.
    #[error("the row in {table} is not at the expected version")]
    StaleVersion {
        /// The entity's table.
        table: &'static str,
    },
    /// A unique value is taken by another row of the same tenant.
    #[error("a unique value is taken in {table}")]
    Taken {
        /// The entity's table.
        table: &'static str,
        /// The database's own error, which names the constraint.
        #[source]
        source: sqlx::Error,
    },
    /// A reference points to no row of the same tenant, or a row is still pointed to.
    #[error("a reference from or to {table} does not hold")]
    BrokenReference {
        /// The entity's table.
        table: &'static str,
        /// The database's own error.
        #[source]
        source: sqlx::Error,
    },
    /// The row names another tenant than the transaction's.
    #[error("the row for {table} names another tenant")]
    ForeignTenant {
        /// The entity's table.
        table: &'static str,
    },
    /// An update sets a column that the statements keep themselves.
    #[error("{column} of {table} is kept by the library and cannot be set")]
    ManagedColumn {
        /// The entity's table.
        table: &'static str,
        /// The column: an id, a tenant, a version or a deletion mark.
        column: &'static str,
    },
    /// An update sets nothing.
    #[error("the update of {table} sets no column")]
    NothingToSet {
        /// The entity's table.
        table: &'static str,
    },
    /// A select joins a table twice, or to itself. What needs two names for one table is SQL by hand.
    #[error("{table} is joined twice")]
    JoinedTwice {
        /// The table.
        table: &'static str,
    },
    /// A statement on many rows says neither which nor that it means all of them.
    #[error("the statement on {table} has no filter: add one, or say `every_row`")]
    NoFilter {
        /// The entity's table.
        table: &'static str,
    },
    /// An upsert names columns that are not declared to be unique together.
    #[error("the upsert into {table} names columns that are not declared unique")]
    NotUnique {
        /// The entity's table.
        table: &'static str,
    },
    /// A list without a limit has more rows than one answer should hold.
    #[error("more than {limit} rows in {table}: set a limit or take pages")]
    TooManyRows {
        /// The entity's table.
        table: &'static str,
        /// The limit that applies where none was set.
        limit: u32,
    },
    /// What is to be written down does not say who did what, or why.
    #[error("the {what} {problem}")]
    Unaccountable {
        /// The part of the entry: its actor, action or reason.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A setting's value, or a change in an audit entry, is larger than one may be.
    #[error("{what} takes {bytes} bytes, more than {limit}")]
    TooLarge {
        /// The setting, or `change`.
        what: &'static str,
        /// How large it is, as JSON.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// A setting is stored as another type than it is declared as, or cannot be stored as JSON.
    #[error("the setting {name} is not of its type")]
    WrongSetting {
        /// The setting.
        name: &'static str,
        /// How it differs.
        #[source]
        source: serde_json::Error,
    },
    /// Tenants cannot be read together here.
    #[error("tenants cannot be crossed: {why}")]
    NoCrossing {
        /// What stands in the way.
        why: &'static str,
    },
    /// One of the transaction's statements failed, so none of it is committed.
    #[error("a statement of the transaction failed, so it was rolled back")]
    Aborted,
    /// The database's own wall refused the statement.
    #[error("row-level security refused the statement")]
    WallRefused(#[source] sqlx::Error),
    /// The database does not enforce what was declared; each finding says how to mend it.
    #[error("the database does not isolate tenants:{}", listed(.0))]
    Unsafe(Vec<Finding>),
    /// Registered tables reference each other in a circle, so none of them comes first.
    #[error("tables reference each other in a circle: {}", tables.join(", "))]
    ReferenceCycle {
        /// The tables of the circle, each referencing the next.
        tables: Vec<&'static str>,
    },
    /// The tenant has no schema, database or file of its own.
    #[error("tenant {tenant} has no place of its own in the database")]
    NotProvisioned {
        /// The tenant.
        tenant: TenantId,
    },
    /// The file that has the tenant's name says that it is another's.
    #[error("the file of tenant {tenant} is that of tenant {owner}")]
    ForeignFile {
        /// Whom the name says.
        tenant: TenantId,
        /// Whom the file says.
        owner: TenantId,
    },
    /// All the pools that may be open are in use, and none came free in time.
    #[error("all {max_open} tenant pools of {connections} connections were in use for {waited:?}")]
    Budget {
        /// How many pools may be open.
        max_open: usize,
        /// How many connections each may have.
        connections: u32,
        /// How long was waited.
        waited: Duration,
    },
    /// A name that a schema, or a prefix that tenants' schemas, cannot have.
    #[error("`{name}` is no name for schemas: take a short word of lower-case letters")]
    InvalidSchemaName {
        /// What was given.
        name: String,
    },
    /// A migration that was applied has changed since, or is not known here.
    #[error("migration {version}, applied to {place}, {problem}")]
    UnknownMigration {
        /// The migration.
        version: i64,
        /// A schema or file that has it.
        place: String,
        /// How it differs.
        problem: &'static str,
    },
    /// Migrations that cannot be applied to one tenant after another.
    #[error("migration {version} {problem}")]
    UnfitMigration {
        /// The migration.
        version: i64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A migration failed; nothing of it was kept.
    #[error("migration {version} failed on {place}")]
    Migration {
        /// The migration.
        version: i64,
        /// The schema or file.
        place: String,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// There is no such tenant.
    #[error("there is no tenant {tenant}")]
    UnknownTenant {
        /// The id that was given.
        tenant: TenantId,
    },
    /// A slug or domain that no host can have.
    #[error("`{name}` is no name of a host: take letters, digits and inner hyphens")]
    InvalidTenantName {
        /// What was given.
        name: String,
    },
    /// What was to happen to a tenant cannot happen where it stands.
    #[error("tenant {tenant} stays as it is")]
    Lifecycle {
        /// The tenant.
        tenant: TenantId,
        /// Why not.
        #[source]
        source: Refused,
    },
    /// Somebody else did the same to the tenant at the same time, and was faster.
    #[error("tenant {tenant} was changed by somebody else meanwhile")]
    Overtaken {
        /// The tenant.
        tenant: TenantId,
    },
    /// A step of a tenant's provisioning or purge failed; what it did in its transaction is not kept.
    #[error("the step {step} failed")]
    Step {
        /// The step.
        step: &'static str,
        /// What it says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A table has other columns than its entity declares.
    #[error("the columns of {table} are not those of its entity:{}", columns(.undeclared, .missing))]
    Columns {
        /// The table.
        table: &'static str,
        /// Columns that the entity does not declare.
        undeclared: Vec<String>,
        /// Columns that the table does not have.
        missing: Vec<&'static str>,
    },
    /// A value that cannot be exported.
    #[error("a value in {column} of {table} cannot be read")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A line of an export cannot be taken.
    #[error("line {line} of the export cannot be taken")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        fault: Fault,
    },
    /// Another transaction was in the way: run the whole transaction again.
    #[error("another transaction was in the way")]
    Contention(#[source] sqlx::Error),
    /// The database cannot be reached now.
    #[error("database unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// The database refused a statement for another reason.
    #[error("database error")]
    Database(#[source] sqlx::Error),
}

/// What the caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is nothing there: tell the client.
    NotFound,
    /// The state is another: tell the client, who reads again and decides.
    Conflict,
    /// The input points nowhere: tell the client.
    InvalidInput,
    /// Run the transaction again, perhaps later.
    Retry,
    /// The program or the database is set up wrongly: tell the operator.
    Fault,
}

impl Error {
    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } | Self::NotProvisioned { .. } | Self::UnknownTenant { .. } => {
                ErrorKind::NotFound
            }
            Self::StaleVersion { .. } | Self::Taken { .. } => ErrorKind::Conflict,
            Self::Lifecycle { .. } | Self::Overtaken { .. } => ErrorKind::Conflict,
            Self::Line { fault, .. } => fault.kind(),
            Self::BrokenReference { .. }
            | Self::TooLarge { .. }
            | Self::InvalidTenantName { .. } => ErrorKind::InvalidInput,
            Self::Contention(_) | Self::Unavailable(_) | Self::Budget { .. } => ErrorKind::Retry,
            _ => ErrorKind::Fault,
        }
    }

    /// The name of the violated unique constraint or index, where the database tells it.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Taken { source, .. } | Self::BrokenReference { source, .. } => {
                source.as_database_error().and_then(|error| error.constraint())
            }
            _ => None,
        }
    }

    /// Sorts a database error that the way to a tenant's rows met: a schema or a database that does
    /// not exist is that of a tenant that was not provisioned.
    pub(crate) fn on_opening(tenant: Option<TenantId>, source: sqlx::Error) -> Self {
        let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match (tenant, code.as_deref()) {
            (Some(tenant), Some("3F000" | "3D000")) => Self::NotProvisioned { tenant },
            _ => Self::from(source),
        }
    }

    /// Sorts a database error that a statement on `table` met.
    pub(crate) fn on(table: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| match source.as_database_error().map(sqlx::error::DatabaseError::kind) {
            Some(sqlx::error::ErrorKind::UniqueViolation) => Self::Taken { table, source },
            Some(sqlx::error::ErrorKind::ForeignKeyViolation) => {
                Self::BrokenReference { table, source }
            }
            _ => Self::from(source),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        use sqlx::Error as Sqlx;
        match &source {
            Sqlx::Io(_) | Sqlx::Tls(_) | Sqlx::PoolTimedOut | Sqlx::PoolClosed => {
                Self::Unavailable(source)
            }
            Sqlx::WorkerCrashed | Sqlx::BeginFailed => Self::Unavailable(source),
            Sqlx::Database(error) => match error.code().as_deref() {
                // PostgreSQL: serialization failure, deadlock, lock not available; SQLite: busy
                // and locked, with their extended codes.
                Some("40001" | "40P01" | "55P03" | "5" | "6" | "261" | "517" | "262") => {
                    Self::Contention(source)
                }
                Some("42501") => Self::WallRefused(source),
                // A statement after one that failed; at the commit too, where SQL by hand had.
                Some("25P02") => Self::Aborted,
                // SQLite: a trigger raised, which may have been the application's own.
                Some("1811") if error.message().starts_with(wall::REFUSAL) => {
                    Self::WallRefused(source)
                }
                // Connection exceptions, operator intervention, out of resources.
                Some(code) if code.len() == 5 && ["08", "57", "53"].contains(&&code[..2]) => {
                    Self::Unavailable(source)
                }
                _ => Self::Database(source),
            },
            _ => Self::Database(source),
        }
    }
}

/// What the client may know: no SQL, no constraint, no other tenant.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::new(404),
            ErrorKind::Conflict if matches!(error, Error::StaleVersion { .. }) => {
                Self::new(412).detail("the resource was changed since it was read")
            }
            ErrorKind::Conflict
                if matches!(error, Error::Lifecycle { .. } | Error::Overtaken { .. }) =>
            {
                Self::new(409).detail("the tenant's state does not allow this")
            }
            ErrorKind::Conflict => Self::new(409).detail("a value that must be unique is taken"),
            ErrorKind::InvalidInput if matches!(error, Error::InvalidTenantName { .. }) => {
                Self::new(422).detail("a name is none that a host can have")
            }
            // The number of the line is the client's own, what is wrong with it may not be.
            ErrorKind::InvalidInput if matches!(error, Error::Line { .. }) => {
                Self::new(422).detail("a line of the export cannot be taken")
            }
            ErrorKind::InvalidInput if matches!(error, Error::TooLarge { .. }) => {
                Self::new(422).detail("a value is too large")
            }
            ErrorKind::InvalidInput => {
                Self::new(422).detail("a referenced resource does not exist")
            }
            ErrorKind::Retry => Self::new(503).header("retry-after", "1"),
            ErrorKind::Fault => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a scoped statement failed"
                );
                Self::new(500)
            }
        }
    }
}

fn columns(undeclared: &[String], missing: &[&str]) -> String {
    let undeclared = undeclared.iter().map(|name| format!(" {name} is not declared"));
    let missing = missing.iter().map(|name| format!(" {name} is missing"));
    undeclared.chain(missing).collect::<Vec<_>>().join(",")
}

fn listed(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("\n- {finding}")).collect()
}
