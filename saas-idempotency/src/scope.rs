use std::fmt;

use saas_core::TenantId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::key::Key;

/// Whose key it is. Equal keys of two scopes are strangers.
///
/// What authenticates the request, or finds its tenant, puts one into the request's extensions
/// before the layer runs; a request without one is answered 500, since it would share its keys
/// with everybody.
///
/// ```
/// use saas_core::TenantId;
/// use saas_idempotency::Scope;
///
/// let whole_tenant = Scope::tenant(TenantId::new());
/// let one_user_of_it = Scope::tenant(TenantId::new()).principal("user-17");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Scope {
    tenant: Option<TenantId>,
    principal: Option<String>,
}

impl Scope {
    /// One tenant's keys, shared by its users.
    pub fn tenant(tenant: TenantId) -> Self {
        Self { tenant: Some(tenant), principal: None }
    }

    /// One user's keys, in an application without tenants.
    pub fn user(principal: impl Into<String>) -> Self {
        Self { tenant: None, principal: Some(principal.into()) }
    }

    /// Everybody's keys. Taken only where
    /// [`Policy::allow_anonymous`](crate::Policy::allow_anonymous) says so: whoever guesses a key
    /// is shown the reply to it.
    pub fn anonymous() -> Self {
        Self { tenant: None, principal: None }
    }

    /// Narrows it to one principal: a user, an API key.
    #[must_use]
    pub fn principal(mut self, principal: impl Into<String>) -> Self {
        self.principal = Some(principal.into());
        self
    }

    pub(crate) fn is_anonymous(&self) -> bool {
        self.tenant.is_none() && self.principal.is_none()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// Under what a record is kept: the tenant, so that its records can be found and erased, and a
/// digest of scope and key. The key itself is stored nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordId {
    tenant: Uuid,
    digest: [u8; 32],
}

impl RecordId {
    pub(crate) fn new(scope: &Scope, key: &Key) -> Self {
        let tenant = scope.tenant.map_or(Uuid::nil(), TenantId::uuid);
        let mut digest = Sha256::new_with_prefix(b"saas-idempotency record v1");
        digest.update([u8::from(scope.tenant.is_some()), u8::from(scope.principal.is_some())]);
        digest.update(tenant.as_bytes());
        let principal = scope.principal.as_deref().unwrap_or_default().as_bytes();
        digest.update((principal.len() as u64).to_be_bytes());
        digest.update(principal);
        digest.update(key.as_bytes());
        Self { tenant, digest: digest.finalize().into() }
    }

    /// The tenant; the nil UUID where there is none.
    pub fn tenant(&self) -> Uuid {
        self.tenant
    }

    /// SHA-256 over scope and key.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// A record that nobody else has, for the suite.
    #[cfg(feature = "testing")]
    pub(crate) fn random() -> Self {
        let digest = Sha256::digest(Uuid::new_v4().as_bytes()).into();
        Self { tenant: Uuid::new_v4(), digest }
    }

    /// The record with the same digest of another tenant.
    #[cfg(feature = "testing")]
    pub(crate) fn of_another_tenant(self) -> Self {
        Self { tenant: Uuid::new_v4(), ..self }
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordId").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(scope: &Scope, key: &str) -> RecordId {
        RecordId::new(scope, &Key::parse(&[key.as_bytes()]).unwrap().unwrap())
    }

    #[test]
    fn equal_keys_of_two_scopes_are_strangers() {
        let tenant = TenantId::new();
        let scopes = [
            Scope::tenant(tenant),
            Scope::tenant(TenantId::new()),
            Scope::tenant(tenant).principal("a"),
            Scope::tenant(tenant).principal("b"),
            Scope::tenant(tenant).principal(""),
            Scope::tenant(TenantId::from_uuid(Uuid::nil())),
            Scope::user("a"),
            Scope::user(""),
            Scope::anonymous(),
        ];
        for (i, one) in scopes.iter().enumerate() {
            for (j, other) in scopes.iter().enumerate() {
                assert_eq!(id(one, "k").digest == id(other, "k").digest, i == j, "{i} and {j}");
            }
        }
    }

    #[test]
    fn the_principals_end_and_the_keys_start_are_told_apart() {
        assert_ne!(id(&Scope::user("ab"), "c"), id(&Scope::user("a"), "bc"));
    }

    #[test]
    fn debug_shows_neither_principal_nor_digest() {
        let scope = Scope::user("secret");
        assert_eq!(format!("{scope:?}"), "Scope { tenant: None, .. }");
        assert!(format!("{:?}", id(&scope, "k")).ends_with(", .. }"));
    }
}
