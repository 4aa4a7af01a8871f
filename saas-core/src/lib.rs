#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod clock;
mod column;
mod entity;
mod error;
mod id;
mod prefixed;
mod problem;
pub mod schema;
mod soft_delete;
#[cfg(feature = "sqlx")]
pub mod sql;
mod tenant_id;
mod timestamps;
mod version;

#[cfg(feature = "actix")]
mod actix;
#[cfg(feature = "axum")]
mod axum;

pub use clock::{Clock, ManualClock, SystemClock, truncate_to_micros};
pub use column::{Column, ColumnDef, ColumnKind, Kind, NotNull, Nullability, Nullable, Reference};
pub use entity::{Entity, Global, Owner, SoftDeletes, TenantOwned, Timestamped, Versioned};
pub use error::{Error, ErrorKind};
pub use id::Id;
pub use prefixed::{HasPrefix, PrefixedId};
pub use problem::{FieldError, Problem};
pub use soft_delete::{Deleted, DeletionId, SoftDelete};
pub use tenant_id::TenantId;
pub use timestamps::Timestamps;
pub use version::Version;

#[cfg(feature = "derive")]
pub use saas_core_derive::Entity;

/// Without the feature `sqlx` the derive writes no SQL.
#[cfg(not(feature = "sqlx"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __record {
    ($($ignored:tt)*) => {};
}

/// Names that the derive macro writes into user crates; not for use by hand.
#[doc(hidden)]
pub mod __private {
    /// The type of a timestamp column.
    pub type Moment = chrono::DateTime<chrono::Utc>;
}
