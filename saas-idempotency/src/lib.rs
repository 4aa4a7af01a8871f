#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]
// Without a shell nobody admits requests, and without a database nobody claims in a handler.
#![cfg_attr(not(all(feature = "tower", feature = "sqlx")), allow(dead_code))]

mod engine;
mod error;
mod fingerprint;
mod handle;
mod key;
mod policy;
mod reply;
mod scope;
mod store;

#[cfg(feature = "sqlx")]
mod atomic;
#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "sqlx")]
mod backend;
#[cfg(feature = "tower")]
mod gate;
#[cfg(feature = "tower")]
mod heartbeat;
#[cfg(feature = "tower")]
mod layer;
#[cfg(feature = "sqlx")]
mod migrations;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "tower")]
mod service;
#[cfg(feature = "sqlx")]
mod sql_store;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::{Error, ErrorKind};
pub use fingerprint::Fingerprint;
pub use handle::Idempotency;
pub use policy::{Keep, Policy};
pub use reply::Reply;
pub use scope::{RecordId, Scope};
pub use store::{Attempt, Claimed, Lease, Outcome, Record, Store};

#[cfg(feature = "sqlx")]
pub use atomic::{Claim, Turn};
#[cfg(feature = "sqlx")]
pub use backend::{Backend, Records};
#[cfg(feature = "tower")]
pub use layer::{IdempotencyLayer, IdempotencyService};
#[cfg(feature = "postgres")]
pub use migrations::grant;
#[cfg(feature = "sqlx")]
pub use migrations::migrate;
#[cfg(feature = "tower")]
pub use service::ReplyBody;
#[cfg(feature = "sqlx")]
pub use sql_store::SqlStore;
