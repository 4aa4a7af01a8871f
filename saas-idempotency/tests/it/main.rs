//! The crate's tests against real databases and real shells.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(all(
    feature = "axum",
    feature = "postgres",
    feature = "sqlite",
    feature = "testing",
    feature = "tower"
))]

mod atomic;
mod conformance;
mod footprint;
mod standalone;
mod support;
