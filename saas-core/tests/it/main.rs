//! The seam on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test that cannot go on ends.

mod conformance;
mod migrations;
mod moments;
