//! The queue on both databases, and on PostgreSQL behind PgBouncer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests are tests.

mod conformance;
mod crash;
mod fairness;
mod jobs;
mod limits;
mod reconnect;
mod site;
