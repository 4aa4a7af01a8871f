#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]
// Without a shell nobody admits requests, and without a database nobody claims in a handler.
#![cfg_attr(not(all(feature = "shell", feature = "sqlx")), allow(dead_code))]

mod engine;
mod error;
mod fingerprint;
pub mod guide;
mod handle;
mod key;
mod memory;
mod metrics;
mod policy;
mod reply;
mod scope;
mod seal;
mod store;

#[cfg(feature = "actix")]
mod actix;
#[cfg(feature = "sqlx")]
mod atomic;
#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "sqlx")]
mod backend;
#[cfg(feature = "shell")]
mod chance;
#[cfg(feature = "shell")]
mod gate;
#[cfg(feature = "shell")]
mod heartbeat;
#[cfg(feature = "shell")]
mod in_flight;
#[cfg(feature = "tower")]
mod layer;
#[cfg(feature = "shell")]
mod line;
#[cfg(feature = "sqlx")]
mod migrations;
#[cfg(feature = "sqlx")]
mod optimistic;
#[cfg(feature = "shell")]
mod pieces;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "tower")]
mod service;
#[cfg(any(feature = "tower", feature = "actix"))]
mod settings;
#[cfg(feature = "sqlx")]
mod sql_store;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "shell")]
mod sweeper;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "shell")]
mod wait;

pub use error::{Error, ErrorKind};
pub use fingerprint::Fingerprint;
pub use handle::Idempotency;
pub use memory::MemoryStore;
pub use policy::{Coverage, Keep, Policy, Route};
pub use reply::Reply;
pub use scope::{RecordId, Scope};
pub use seal::SealError;
#[cfg(feature = "aead")]
pub use seal::SealingKeys;
pub use store::{Attempt, Claimed, Lease, Outcome, Record, Store};

#[cfg(feature = "actix")]
pub use actix::{IdempotencyMiddleware, IdempotencyMiddlewareService};
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
#[cfg(feature = "redis")]
pub use redis::RedisStore;
#[cfg(feature = "tower")]
pub use service::Buffered;
#[cfg(feature = "sqlx")]
pub use sql_store::SqlStore;
#[cfg(feature = "shell")]
pub use sweeper::Sweeper;
