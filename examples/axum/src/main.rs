//! The invoicing service: `invoicing-axum [serve|api|work|migrate|health]`.

mod auth;
mod extract;
mod handlers;
mod listen;
mod observe;
mod routes;

use std::process::ExitCode;

fn main() -> ExitCode {
    invoicing_domain::process::main(listen::Axum)
}
