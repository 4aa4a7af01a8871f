#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod backend;
mod db;
mod error;
mod guard;
mod migrations;
mod options;
mod read;
mod registry;
mod scope;
mod statement;
mod tx;
mod verify;
pub mod wall;

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use backend::TenantBackend;
pub use db::TenantDb;
pub use error::{Error, ErrorKind, Result};
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
pub use verify::Finding;
