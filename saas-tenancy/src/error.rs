use saas_core::Problem;

use crate::Finding;

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
    /// A list without a limit has more rows than one answer should hold.
    #[error("more than {limit} rows in {table}: set a limit or take pages")]
    TooManyRows {
        /// The entity's table.
        table: &'static str,
        /// The limit that applies where none was set.
        limit: u32,
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
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::StaleVersion { .. } | Self::Taken { .. } => ErrorKind::Conflict,
            Self::BrokenReference { .. } => ErrorKind::InvalidInput,
            Self::Contention(_) | Self::Unavailable(_) => ErrorKind::Retry,
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
            ErrorKind::Conflict => Self::new(409).detail("a value that must be unique is taken"),
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

fn listed(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("\n- {finding}")).collect()
}
