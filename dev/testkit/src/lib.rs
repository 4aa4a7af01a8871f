//! What the family's own tests share: databases, the two roles of PostgreSQL, Redis, and
//! servers to be killed.
//!
//! `dev/services` starts the servers and says where they are in `TEST_…_URL`. A test that needs one
//! fails with one line where it is missing; nothing is skipped.

#![allow(clippy::expect_used, clippy::panic)] // A test environment that is broken ends the test.

mod postgres;
mod redis;
mod server;
mod sqlite;

pub use postgres::{
    Postgres, pgbouncer, pgbouncer_of_its_own, postgres, postgres_fresh, postgres_of_its_own,
};
pub use redis::{Redis, redis, redis_of_its_own};
pub use rustix::process::Signal;
pub use server::{Server, signal};
pub use sqlite::{Sqlite, sqlite, sqlite_options};

/// The value of a variable that `dev/services` exports, or a panic that says how to get it.
pub fn required(variable: &str, service: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run the tests by `dev/test`, or `eval \"$(dev/services start {service})\"` first")
    })
}
