use saas_core::Problem;

use super::{Error, ErrorKind};

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
            ErrorKind::InvalidInput if matches!(error, Error::Unstorable { .. }) => {
                Self::new(422).detail("a value cannot be kept")
            }
            // The words are this crate's own, as is what they are about.
            ErrorKind::InvalidInput if matches!(error, Error::Unaccountable { .. }) => {
                Self::new(422).detail(error.to_string())
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
