//! The invoicing service: `invoicing-actix [serve|api|work|migrate|health]`.

mod auth;
mod extract;
mod handlers;
mod listen;
mod observe;
mod resource;
mod routes;

use std::process::ExitCode;

fn main() -> ExitCode {
    invoicing_domain::process::main(listen::Actix)
}
