//! Migrations of tenants' own schemas, databases and files: parallel, resumable, written down for each.
//!
//! [`SchemaMigrator`] is for a schema per tenant on PostgreSQL, [`DatabaseMigrator`] for a database
//! per tenant there, [`FileMigrator`] for a SQLite file per tenant. All take the application's
//! [`Steps`] and keep one promise: a tenant's tables go from one version to a later one in a single
//! transaction that also writes down the version, so a process that is killed at any moment leaves
//! each tenant at one version or at the other, and the next run goes on where it stopped.

#[cfg(feature = "postgres")]
mod databases;
#[cfg(feature = "sqlite")]
mod files;
mod fleet;
mod own_ledger;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod postgres_ledger;
#[cfg(feature = "postgres")]
mod postgres_run;
mod progress;
mod steps;
#[cfg(feature = "postgres")]
mod timeouts;

#[cfg(feature = "postgres")]
pub use databases::DatabaseMigrator;
#[cfg(feature = "sqlite")]
pub use files::FileMigrator;
#[cfg(feature = "postgres")]
pub use postgres::SchemaMigrator;
pub use progress::{Failure, MigrationReport, Progress};
pub use steps::Steps;
