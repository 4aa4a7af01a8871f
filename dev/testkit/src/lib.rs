//! What the family's own tests share: databases, and the two roles of PostgreSQL.
//!
//! `dev/services` starts the servers and says where they are in `TEST_…_URL`. A test that needs one
//! fails with one line where it is missing; nothing is skipped.

#![allow(clippy::expect_used, clippy::panic)] // A test environment that is broken ends the test.

mod postgres;
mod sqlite;

pub use postgres::{Postgres, pgbouncer, postgres, postgres_fresh};
pub use sqlite::{Sqlite, sqlite};

/// The value of a variable that `dev/services` exports, or a panic that says how to get it.
pub fn required(variable: &str, service: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run the tests by `dev/test`, or `eval \"$(dev/services start {service})\"` first")
    })
}
