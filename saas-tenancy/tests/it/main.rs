//! One suite for both databases, directly and through PgBouncer; then what only PostgreSQL promises.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test that cannot go on ends.

mod across;
mod audit;
mod building;
mod cancel;
mod conformance;
mod databases;
mod fixture;
mod guide;
mod homes;
mod joins;
mod kit;
mod leaks;
mod migrator;
mod model;
mod postgres;
mod refusals;
mod refusals_sqlite;
mod resolution;
mod round_trips;
mod schemas;
mod selects;
mod settings;
mod suite;
mod tenants;
mod transfer;
mod trees;
mod upserts;
mod walled;
mod writes;
