//! The promises of the service, each in a file that is made to be copied with it.
//!
//! Needs a PostgreSQL server: `TEST_POSTGRES_OWNER_URL` names a role there that may create databases
//! and roles.

mod drained_jobs;
mod isolation;
mod one_transaction;
mod openapi;
mod support;
