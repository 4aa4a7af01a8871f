//! What the invoicing services do, without a web framework: `examples/axum` and its siblings put
//! routes around it. Read it in this order: [`db`], [`customers`], [`invoices`], [`send`].

pub mod admission;
mod app;
pub mod auth;
pub mod body;
pub mod config;
pub mod customers;
pub mod db;
pub mod deprecation;
pub mod failpoint;
mod greet;
pub mod head;
pub mod health;
pub mod input;
pub mod invoices;
pub mod json;
pub mod keys;
pub mod limits;
pub mod lists;
pub mod logins;
pub mod mail;
pub mod migrate;
pub mod observe;
pub mod openapi;
pub mod process;
pub mod send;
mod serve;
pub mod settings;
mod signals;
mod start;
pub mod tasks;
pub mod tenants;
pub mod together;
pub mod trace;

pub use app::{App, policy};
pub use db::Db;

/// Any of several crates' errors, on its way to the operator.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
