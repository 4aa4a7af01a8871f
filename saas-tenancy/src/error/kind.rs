use super::Error;

/// What the caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is nothing there: tell the client.
    NotFound,
    /// The state is another: tell the client, who reads again and decides.
    Conflict,
    /// The input points nowhere, or cannot be kept: tell the client.
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
            | Self::Unstorable { .. }
            | Self::Unaccountable { .. }
            | Self::InvalidTenantName { .. } => ErrorKind::InvalidInput,
            Self::Contention(_) | Self::Outdated(_) => ErrorKind::Retry,
            Self::Unavailable(_) | Self::Budget { .. } => ErrorKind::Retry,
            _ => ErrorKind::Fault,
        }
    }
}
