use std::fmt;

use saas_core::{Id, TenantId};
use uuid::Uuid;

/// Whose list it is: a cursor made in one scope is refused in every other.
///
/// Made from a [`TenantId`], an id, a number, a text or bytes; from `()` where the rows belong to nobody in
/// particular.
#[derive(Clone, PartialEq, Eq)]
pub struct Scope(pub(crate) Vec<u8>);

impl Scope {
    /// The first byte tells what the rest is, so that a text never stands for an id.
    fn of(what: u8, bytes: &[u8]) -> Self {
        let mut scope = Vec::with_capacity(1 + bytes.len());
        scope.push(what);
        scope.extend_from_slice(bytes);
        Self(scope)
    }
}

impl From<()> for Scope {
    fn from((): ()) -> Self {
        Self::of(0, &[])
    }
}
impl From<TenantId> for Scope {
    fn from(tenant: TenantId) -> Self {
        Self::from(tenant.uuid())
    }
}
impl<E> From<Id<E>> for Scope {
    fn from(id: Id<E>) -> Self {
        Self::from(id.uuid())
    }
}
impl From<Uuid> for Scope {
    fn from(id: Uuid) -> Self {
        Self::of(1, id.as_bytes())
    }
}
impl From<i64> for Scope {
    fn from(id: i64) -> Self {
        Self::of(4, &id.to_be_bytes())
    }
}
impl From<&str> for Scope {
    fn from(text: &str) -> Self {
        Self::of(2, text.as_bytes())
    }
}
impl From<&[u8]> for Scope {
    fn from(bytes: &[u8]) -> Self {
        Self::of(3, bytes)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}
