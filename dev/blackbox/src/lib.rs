//! The contract of the templates, asked of the real binary over HTTP.
//!
//! The tests in `tests/it` start `target/debug/<service>` in a folder and a database of its own, and
//! know nothing of its code. Build the services first: `cargo build --workspace --all-features`
//! (`SAAS_BLACKBOX_BIN_DIR` names another folder with the binaries). The feature `failpoints` of a
//! service lets it kill itself where `FAILPOINT` says; normal builds do not have it.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stderr)]

mod balancer;
mod client;
mod collector;
mod kept;
mod process;
mod proxy;
mod raw;
mod reply;
mod service;
mod smtp;
mod story;
mod target;
mod wait;

pub use balancer::Balancer;
pub use client::{Call, Client};
pub use collector::Collector;
pub use kept::Kept;
pub use process::Process;
pub use proxy::Proxy;
pub use raw::{Connection, RawCall};
pub use reply::Reply;
pub use service::{OPERATOR_TOKEN, Service, free_port};
pub use smtp::MailServer;
pub use story::{Tenant, fresh, id, invoice_body, with_query};
pub use target::{Database, Target};
pub use wait::{PATIENCE, eventually};

/// Compiles the example on the front page.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct FrontPage;
