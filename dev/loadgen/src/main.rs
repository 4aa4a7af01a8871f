//! The load test of the template services: seeds a database, starts the service, ramps from 1x to
//! 10x and says of each route whether it is linear, degrades or collapses.
//!
//! `saas-loadgen BINARIES [OPTIONS] [axum|actix] [postgres|sqlite]` takes the folder of the built
//! services and, for PostgreSQL, needs what `dev/services` exports; run it by `dev/load`. The report
//! goes to standard output, progress to standard error.

#![allow(clippy::print_stderr)] // A program that reports what it does.

mod arguments;
mod capacity;
mod client;
mod data;
mod database;
mod prepare;
mod process;
mod queries;
mod report;
mod route;
mod run;
mod schedule;
mod seed;
mod service;
mod step;
mod tally;
mod targets;
mod usage;
mod verdict;
mod wire;

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::{Arguments, USAGE};

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let binaries = words.next();
    let (Some(binaries), Some(arguments)) = (binaries, Arguments::read(words)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // One thread, so that the generator takes no more of the machine than it needs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            let mut told = signal(SignalKind::terminate())?;
            // Whatever ends this, the service and its folder go with it.
            tokio::select! {
                done = run::run(&arguments, Path::new(&binaries)) => done,
                _ = told.recv() => Err("told to end".into()),
                _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
            }
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dev/load: {}", told(&*error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its sources.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |told, source| format!("{told}: {source}"))
}
