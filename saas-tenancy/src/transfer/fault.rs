use crate::{Error, ErrorKind};

/// What is wrong with a line of an export that is being imported or continued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Who hands over the lines failed.
    #[error("cannot be had")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It is not what an export writes.
    #[error("is no line of an export")]
    Syntax(#[source] Option<serde_json::Error>),
    /// Another version of the format.
    #[error("says version {found} of the format; version {known} is known")]
    Version {
        /// What it says.
        found: u64,
        /// What this release reads and writes.
        known: u64,
    },
    /// A table that is not registered, or is no tenant's.
    #[error("names the table {table}, which is not registered as a tenant's")]
    UnknownTable {
        /// The table.
        table: String,
    },
    /// A column that the entity does not have, or has as another kind.
    #[error("names the column {column} of {table} as {kind}, which the entity does not have")]
    UnknownColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its kind.
        kind: String,
    },
    /// A value that is none of its column's kind.
    #[error("holds no {kind} in {column} of {table}")]
    Value {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The column's kind.
        kind: &'static str,
    },
    /// A row of another tenant than the first line names.
    #[error("holds a row of {table} of another tenant")]
    ForeignTenant {
        /// The table.
        table: String,
    },
    /// A table after one that comes later.
    #[error("goes back to {table}")]
    Order {
        /// The table.
        table: String,
    },
    /// The lines end before the last one of the export.
    #[error("is missing: the export is cut off")]
    Truncated,
    /// Something follows the last line.
    #[error("follows the end of the export")]
    Trailing,
    /// A line was changed, lost or doubled.
    #[error("says another checksum than that of the lines before it")]
    Checksum,
    /// What was begun with was another export.
    #[error("belongs to another export than the one that was begun with")]
    OtherExport,
    /// The tenant has rows already.
    #[error("goes to a tenant that has rows in {table}")]
    NotEmpty {
        /// The table.
        table: &'static str,
    },
    /// The tenant may have changed since: begin again.
    #[error("cannot be continued: the tenant was not suspended all the time")]
    NotStill,
    /// The database refused the row.
    #[error("was refused")]
    Refused(#[source] Box<Error>),
}

impl Fault {
    /// What the caller can do.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Source(_) => ErrorKind::Retry,
            Self::Refused(error) => match error.kind() {
                // That of the row, not of the whole.
                ErrorKind::NotFound | ErrorKind::Conflict => ErrorKind::InvalidInput,
                kind => kind,
            },
            _ => ErrorKind::InvalidInput,
        }
    }
}
