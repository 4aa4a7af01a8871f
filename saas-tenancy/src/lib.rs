#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod backend;
mod db;
mod error;
mod finding;
mod guard;
mod migrations;
mod options;
mod read;
mod registry;
mod scope;
mod statement;
mod tx;
pub mod wall;

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "postgres")]
mod verify;

pub use backend::TenantBackend;
pub use db::TenantDb;
pub use error::{Error, ErrorKind, Result};
pub use finding::Finding;
#[cfg(feature = "postgres")]
pub use migrations::grant;
pub use migrations::migrate;
pub use options::Options;
pub use read::Read;
pub use registry::Registry;
pub use scope::{Global, Reachable, Scope, Tenant};
pub use statement::{
    Deleting, Deletion, Direction, InTx, Restored, Restoring, Select, Update, Updated,
};
pub use tx::{GlobalTx, TenantTx, Tx};
