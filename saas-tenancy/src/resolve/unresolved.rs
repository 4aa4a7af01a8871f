use saas_core::Problem;

use super::DirectoryError;

/// Why a request has no tenant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unresolved {
    /// No source names one.
    #[error("the request names no tenant")]
    Missing,
    /// A header that names one is there several times, or is no text.
    #[error("the header {0} names no single tenant")]
    Ambiguous(&'static str),
    /// There is no such tenant, or it is not the one that the client is authenticated for.
    #[error("the request names no tenant there is")]
    Unknown,
    /// The tenant is not served now.
    #[error("the tenant is suspended")]
    Suspended,
    /// The resolver is declared wrongly: every request fails so; see
    /// [`Resolver::check`](super::Resolver::check).
    #[error("the resolver of tenants is declared wrongly: {0}")]
    Declaration(String),
    /// The directory did not answer.
    #[error("the directory of tenants does not answer")]
    Unavailable(#[source] DirectoryError),
}

impl From<Unresolved> for Problem {
    fn from(unresolved: Unresolved) -> Self {
        match unresolved {
            Unresolved::Missing => Self::new(400).detail("the request names no tenant"),
            Unresolved::Ambiguous(header) => Self::new(400)
                .detail("the request names no single tenant")
                .field(header, "must be one value"),
            Unresolved::Unknown => Self::new(404),
            Unresolved::Suspended => Self::new(403).detail("the tenant is suspended"),
            Unresolved::Declaration(mistake) => {
                tracing::error!(mistake, "the resolver of tenants is declared wrongly");
                Self::new(500)
            }
            Unresolved::Unavailable(error) => {
                tracing::error!(
                    error = &*error as &dyn std::error::Error,
                    "no directory of tenants"
                );
                Self::new(503).header("retry-after", "1")
            }
        }
    }
}
