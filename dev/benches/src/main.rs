//! The family's figures: ours beside the limit that SQL by hand sets, in the same run and in turns.
//!
//! `saas-benches NAME [--quick]` needs what `dev/services` exports; run it by `dev/bench`. Each
//! figure is one JSON line on standard output; everything else goes to standard error.

#![allow(clippy::print_stderr)] // A program that reports what it does.

mod database;
mod idempotency;
mod jobs;
mod measure;
mod pagination;
mod peer;
mod queues;
mod tenancy;

use std::process::ExitCode;

use tokio::runtime::Builder;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Size {
    quick: bool,
}

impl Size {
    /// One of two amounts.
    fn pick<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

const USAGE: &str = "usage: saas-benches \
    tenancy|schemas|export|pagination|pagination-peers|idempotency|jobs|backlog|peers|all [--quick]";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (flags, names): (Vec<_>, Vec<_>) =
        arguments.iter().map(String::as_str).partition(|argument| argument.starts_with('-'));
    let (&[name], [] | ["--quick"]) = (&names[..], &flags[..]) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let names = match name {
        "all" => [&["tenancy", "pagination", "idempotency"][..], &jobs::PARTS].concat(),
        "jobs" => jobs::PARTS.to_vec(),
        name => vec![name],
    };
    for name in names {
        if let Err(error) = run(name, Size { quick: !flags.is_empty() }) {
            eprintln!("{name}: {}", told(&*error));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn run(name: &str, size: Size) -> Result<()> {
    // One client's time is measured on one thread: waking another one costs more than some of what
    // is compared, and would make the ratios look better than they are. Rates use all processors.
    let alone = || Builder::new_current_thread().enable_all().build();
    let together = || Builder::new_multi_thread().enable_all().build();
    match name {
        "tenancy" => alone()?.block_on(tenancy::run(size)),
        "schemas" => alone()?.block_on(tenancy::schemas(size)),
        "export" => alone()?.block_on(tenancy::export(size)),
        "pagination" => alone()?.block_on(pagination::run(size)),
        "pagination-peers" => alone()?.block_on(pagination::peers(size)),
        "idempotency" => together()?.block_on(idempotency::run(size)),
        "peers" => together()?.block_on(queues::run(size)),
        part if jobs::PARTS.contains(&part) => together()?.block_on(jobs::run(part, size)),
        "backlog" => together()?.block_on(jobs::ten_millions()),
        _ => Err(USAGE.into()),
    }
}

/// An error with its sources.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |told, source| format!("{told}: {source}"))
}
