//! The queue on both databases, and on PostgreSQL behind PgBouncer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests are tests.

#[macro_use]
mod every;

mod clocks;
mod conformance;
mod ends;
mod fairness;
mod guide;
mod jobs;
mod layers;
mod limits;
mod metrics;
mod model;
mod notify;
mod processes;
mod reconnect;
mod relay;
mod schedules;
mod site;
mod slips;
mod steps;
mod tenants;
mod testing;
mod trace;
mod unique;
