use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::id::uuid_newtype;

/// Whose data it is: the id of a tenant.
///
/// A type of its own rather than an [`Id`](crate::Id) of some entity, because idempotency records
/// and jobs carry it without knowing what a tenant is to the application.
///
/// ```
/// use saas_core::TenantId;
/// let tenant = TenantId::new();
/// assert_eq!(tenant.to_string().parse::<TenantId>().unwrap(), tenant);
/// ```
///
/// It is not interchangeable with an entity's id:
///
/// ```compile_fail,E0308
/// use saas_core::{Id, TenantId};
/// struct Invoice;
/// fn of(_: TenantId) {}
/// of(Id::<Invoice>::new());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TenantId(Uuid);

impl TenantId {
    /// A new tenant's id, of version 7.
    #[allow(clippy::new_without_default)] // No tenant is ever the default one.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The tenant with this id; any version is taken.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The bare UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// When the id was made, in milliseconds; `None` if it is not of version 7.
    pub fn created_at(self) -> Option<DateTime<Utc>> {
        crate::id::created_at(self.0)
    }
}

uuid_newtype!([] TenantId, TenantId);
