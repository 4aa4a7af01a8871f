use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::uuid_newtype;

/// Names one deletion: every row a cascade takes carries the same one, so that restoring brings
/// back exactly those rows and leaves what was deleted earlier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DeletionId(Uuid);

impl DeletionId {
    /// A new deletion's id.
    #[allow(clippy::new_without_default)] // A deletion is an event, not a default.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The deletion with this id.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The bare UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

uuid_newtype!([] DeletionId, DeletionId);

/// Whether and by which deletion a row is gone.
///
/// Flatten it into an entity with `#[entity(soft_delete)] #[sqlx(flatten)]`, or write
/// `#[entity(soft_delete)]` on the struct if the row's readers need not see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftDelete {
    /// When it was deleted; `None` while it lives.
    pub deleted_at: Option<DateTime<Utc>>,
    /// By which deletion; set and cleared together with `deleted_at`.
    pub deletion_id: Option<DeletionId>,
}

impl SoftDelete {
    /// A row that is not deleted.
    pub const LIVE: Self = Self { deleted_at: None, deletion_id: None };

    /// Whether the row is deleted.
    pub const fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }
}

/// Which rows a statement sees. It is a scope of its own and never touches the tenant's: asking for
/// deleted rows cannot widen whose rows they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Deleted {
    /// Rows that are not deleted.
    #[default]
    Without,
    /// Rows whether deleted or not.
    With,
    /// Rows that are deleted.
    Only,
}

impl Deleted {
    /// The SQL condition on an unqualified `deleted_at`, or `None` where there is none.
    ///
    /// ```
    /// use saas_core::Deleted;
    /// assert_eq!(Deleted::Without.condition(), Some("\"deleted_at\" is null"));
    /// assert_eq!(Deleted::With.condition(), None);
    /// ```
    pub const fn condition(self) -> Option<&'static str> {
        match self {
            Self::Without => Some("\"deleted_at\" is null"),
            Self::With => None,
            Self::Only => Some("\"deleted_at\" is not null"),
        }
    }
}
