//! One suite for both databases, directly and through PgBouncer; then what only PostgreSQL promises.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test that cannot go on ends.

mod cancel;
mod conformance;
mod fixture;
mod postgres;
