//! The crate against real databases. `dev/services` starts PostgreSQL; SQLite needs nothing.

#![allow(clippy::unwrap_used)] // A test that cannot go on ends.

mod as_of;
mod cases;
mod conformance;
mod databases;
mod deep;
mod false_declarations;
#[cfg(all(feature = "axum", feature = "actix"))]
mod http;
mod long_keys;
mod odd_values;
#[cfg(feature = "openapi")]
mod openapi;
mod pains;
mod plans;
mod relay;
mod rows;
mod statements;
mod stored_forms;
mod streams;
mod text_types;
mod totals;
mod walker;
mod walks;
