//! The process: `invoicing-… [serve|api|work|migrate|health]`.

use std::net::TcpListener;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::trace::Traces;
use crate::{App, Db, Error, health, observe, start};

/// What a web framework does for the service.
pub trait Server: Copy {
    /// Answers requests until `stop`, then lets every request that has begun end.
    fn serve<D: Db>(
        self,
        app: App<D>,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Answers until `stop` to whoever watches the process, and to nothing else.
    fn watch<D: Db>(
        self,
        app: App<D>,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<(), Error>>;
}

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
    /// Ask the process that runs with these settings whether it is ready.
    Health,
}

/// The whole of `main`.
pub fn main(server: impl Server) -> ExitCode {
    match run(server) {
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

fn run(server: impl Server) -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = Command::read(&arguments)?;
    let config = Config::read(config::variable)?;
    if command == Command::Health {
        return health::ask(config.metrics_bind.unwrap_or(config.bind));
    }
    let traces = Traces::from_env()?;
    observe::log_to_stderr(&traces)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(start::start(command, server, &config));
    traces.flush();
    result
}

impl Command {
    fn read(arguments: &[String]) -> Result<Self, String> {
        match arguments.join(" ").as_str() {
            "" | "serve" => Ok(Self::Serve),
            "api" => Ok(Self::Api),
            "work" => Ok(Self::Work),
            "migrate" => Ok(Self::Migrate),
            "health" => Ok(Self::Health),
            other => {
                Err(format!("unknown command `{other}`; write serve, api, work, migrate or health"))
            }
        }
    }
}
