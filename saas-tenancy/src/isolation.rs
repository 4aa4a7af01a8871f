//! How tenants are kept apart: by row, by schema, by database.

mod databases;
#[cfg(feature = "sqlite")]
mod files;
mod home;
mod names;
mod open;
mod pools;
#[cfg(feature = "postgres")]
pub(crate) mod schema;
mod slots;
pub(crate) mod survey;

pub use databases::Databases;
#[cfg(feature = "sqlite")]
pub use files::Files;
pub use names::SchemaNames;
pub use open::{ConnectOptions, OpenDatabase};
pub use pools::PoolStats;

pub(crate) use home::Home;
pub(crate) use pools::{Lease, Pools};

/// How tenants are kept apart. Declared once, in [`Options`](crate::Options) or by the constructor,
/// and checked at connect; what is written with one model works with each.
///
/// In all three a tenant's table has `tenant_id`, composite keys and its wall, and every statement
/// names the tenant. What they cost is told in [the guide](crate::guide::isolation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Isolation {
    /// All tenants' rows in the same tables.
    #[default]
    Row,
    /// Each tenant's tables in a schema of its own. PostgreSQL only.
    Schema,
    /// Each tenant's tables in a database or file of its own:
    /// [`TenantDb::connect_databases`](crate::TenantDb::connect_databases).
    Database,
}
