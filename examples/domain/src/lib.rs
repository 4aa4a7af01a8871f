//! What the invoicing services do, without a web framework: `examples/axum` and its siblings put
//! routes around it. Read it in this order: [`db`], [`customers`], [`invoices`], [`send`].

pub mod admission;
pub mod config;
pub mod customers;
pub mod db;
pub mod failpoint;
pub mod input;
pub mod invoices;
pub mod json;
pub mod keys;
pub mod lists;
pub mod mail;
pub mod migrate;
pub mod send;
pub mod settings;
pub mod tenants;
pub mod together;

mod app;

pub use app::App;
pub use db::Db;
