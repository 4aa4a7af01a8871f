//! The crate's tests against real databases and real shells.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(all(
    feature = "aead",
    feature = "actix",
    feature = "axum",
    feature = "metrics",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite",
    feature = "testing",
    feature = "tower"
))]

mod alone;
mod atomic;
mod conformance;
mod contract;
mod crash;
mod crowd;
mod faulty;
mod footprint;
mod frames;
mod in_flight;
mod memory;
mod metrics;
mod model;
mod optimistic;
mod outage;
mod redis;
mod sealing;
mod secrecy;
mod served;
mod shells;
mod support;
mod sweeper;
mod timing;
mod unreadable;
mod waiting;
mod wrapping;
