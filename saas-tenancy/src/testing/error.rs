use crate::{Error, ErrorKind};

/// Why the kit could not try anything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KitError {
    /// An entity takes as its parent one that was not registered before it.
    #[error("{child} takes a parent in {parent}: register {parent} before it")]
    NoParent {
        /// The table that asked.
        child: &'static str,
        /// The table that it asked for.
        parent: &'static str,
    },
    /// A row has another id than the kit gave it.
    #[error("rows of {table} do not take their id from `maker.id()`")]
    OwnId {
        /// The entity's table.
        table: &'static str,
    },
    /// No entity was registered, so nothing would be proven.
    #[error("the kit has no entity to try")]
    NoEntity,
    /// A tenant could not make or read rows of its own.
    #[error("a tenant cannot work with its own rows of {table}")]
    Own {
        /// The entity's table.
        table: &'static str,
        /// What the statement said.
        #[source]
        source: Error,
    },
    /// The database does not answer, or not as it should.
    #[error("an attempt could not be made")]
    Database(#[from] Error),
}

impl KitError {
    /// What can be done about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Own { source, .. } | Self::Database(source) => source.kind(),
            _ => ErrorKind::Fault,
        }
    }
}

impl From<sqlx::Error> for KitError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
