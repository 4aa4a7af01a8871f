//! The invoicing service: `invoicing-axum [serve|api|work|migrate]`.

mod auth;
mod body;
mod health;
mod listen;
mod observe;
mod routes;
mod serve;
mod start;

use std::process::ExitCode;

/// What this process is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Answer requests and run jobs.
    Serve,
    /// Answer requests only.
    Api,
    /// Run jobs only.
    Work,
    /// Migrate, then end.
    Migrate,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), start::Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let command = match arguments[..] {
        [] | ["serve"] => Command::Serve,
        ["api"] => Command::Api,
        ["work"] => Command::Work,
        ["migrate"] => Command::Migrate,
        _ => {
            let other = arguments.join(" ");
            return Err(
                format!("unknown command `{other}`; write serve, api, work or migrate").into()
            );
        }
    };
    observe::log_to_stderr()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(start::start(command))
}
