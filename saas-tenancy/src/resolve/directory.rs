use std::sync::Arc;

use futures_core::future::BoxFuture;
use saas_core::TenantId;

use super::Key;

/// Who the tenants are. [`Cached`](super::Cached) remembers what one says.
///
/// ```
/// use futures_core::future::BoxFuture;
/// use saas_core::TenantId;
/// use saas_tenancy::resolve::{Directory, DirectoryError, Entry, Key, Standing};
///
/// /// Two tenants, for a demonstration.
/// struct Two(TenantId, TenantId);
///
/// impl Directory for Two {
///     fn find<'d>(&'d self, key: &'d Key) -> BoxFuture<'d, Result<Option<Entry>, DirectoryError>> {
///         let tenant = match key {
///             Key::Slug(slug) if slug == "acme" => Some(self.0),
///             Key::Domain(domain) if domain == "billing.zenith.example" => Some(self.1),
///             Key::Id(id) if [self.0, self.1].contains(id) => Some(*id),
///             _ => None,
///         };
///         let entry = tenant.map(|tenant| Entry { tenant, standing: Standing::Active });
///         Box::pin(async move { Ok(entry) })
///     }
/// }
/// ```
pub trait Directory: Send + Sync {
    /// The tenant of this name, if there is one.
    fn find<'d>(&'d self, key: &'d Key) -> BoxFuture<'d, Result<Option<Entry>, DirectoryError>>;
}

/// Why a directory did not answer.
pub type DirectoryError = Box<dyn std::error::Error + Send + Sync>;

/// What a directory knows of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub tenant: TenantId,
    /// Whether it is served.
    pub standing: Standing,
}

/// Whether a tenant is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Active,
    /// Not now: 403.
    Suspended,
}

impl<D: Directory + ?Sized> Directory for Arc<D> {
    fn find<'d>(&'d self, key: &'d Key) -> BoxFuture<'d, Result<Option<Entry>, DirectoryError>> {
        (**self).find(key)
    }
}
