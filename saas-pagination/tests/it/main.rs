//! The crate against real databases. `dev/services` starts PostgreSQL; SQLite needs nothing.

#![allow(clippy::unwrap_used)] // A test that cannot go on ends.

mod conformance;
mod databases;
mod plans;
mod rows;
mod statements;
mod walks;
