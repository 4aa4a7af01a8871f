#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod across;
mod audit;
mod backend;
mod db;
mod error;
mod finding;
mod guard;
pub mod guide;
mod isolation;
mod lent;
mod migrations;
mod options;
mod read;
mod registry;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub mod schemas;
mod scope;
mod settings;
pub mod statement;
pub mod tenants;
pub mod transfer;
mod tx;
pub mod wall;

#[cfg(feature = "actix")]
mod actix;
#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "resolve")]
pub mod resolve;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
mod verify;

#[cfg(feature = "actix")]
pub use self::actix::{TenantMiddleware, TenantMiddlewareService};
#[cfg(feature = "axum")]
pub use self::axum::{TenantLayer, TenantService};
pub use across::{Across, AcrossTx, Reason};
pub use audit::{AuditEntry, Audited, Entries};
pub use backend::TenantBackend;
pub use db::TenantDb;
pub use error::{Error, ErrorKind, Result};
pub use finding::{Finding, Remedy};
#[cfg(feature = "sqlite")]
pub use isolation::Files;
pub use isolation::{ConnectOptions, Databases, Isolation, OpenDatabase, PoolStats, SchemaNames};
#[cfg(feature = "postgres")]
pub use migrations::grant;
pub use migrations::migrate;
pub use options::Options;
pub use read::Read;
pub use registry::{Registry, Table};
#[cfg(feature = "sqlite")]
pub use schemas::FileMigrator;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use schemas::Steps;
#[cfg(feature = "postgres")]
pub use schemas::{DatabaseMigrator, SchemaMigrator};
pub use scope::{Global, Reachable, Scope, Tenant, Writing};
pub use settings::{Flag, Setting, Settings, Typed};
pub use statement::{Direction, Lock, Nulls, Select, Upserted};
pub use tx::{GlobalTx, TenantTx, Tx};
