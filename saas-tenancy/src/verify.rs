//! Whether the database isolates tenants. The catalog files ask and hold the SQL that asks; the
//! files beside them judge what was answered, and are pure.

#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod registry;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
