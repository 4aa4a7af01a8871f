//! One suite for both databases, directly and through PgBouncer; then what only PostgreSQL promises.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test that cannot go on ends.

mod across;
mod audit;
mod building;
mod cancel;
mod conformance;
mod databases;
mod errors;
mod first_day;
mod fixture;
mod guide;
mod homes;
mod inputs;
mod joins;
mod kit;
mod leaks;
mod leftovers;
mod migrator;
mod model;
mod moments;
mod names;
mod postgres;
mod refusals;
mod refusals_sqlite;
mod resolution;
mod roles;
mod round_trips;
mod schemas;
mod schemas_verified;
mod selects;
mod settings;
mod suite;
mod tenants;
mod transfer;
mod trees;
mod upserts;
mod walled;
mod writes;
