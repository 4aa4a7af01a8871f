//! The service under test, as a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::Result;

/// How it is started: which binary, in which folder, with which settings.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) binary: PathBuf,
    /// Its logs, its outbox and, with SQLite, its database.
    pub(crate) folder: PathBuf,
    pub(crate) database: String,
    /// Who may make tables.
    pub(crate) admin: Option<String>,
}

/// A running service, killed with this value.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) port: u16,
    pub(crate) process: u32,
    child: Child,
}

const START: Duration = Duration::from_secs(60);
/// Longer than the services' own time to drain.
const END: Duration = Duration::from_secs(45);

impl Site {
    /// Makes the tables.
    pub(crate) async fn migrate(&self) -> Result<()> {
        let mut command = self.command("migrate", &self.database)?;
        if let Some(admin) = &self.admin {
            command.env("ADMIN_DATABASE_URL", admin);
        }
        match command.status().await?.success() {
            true => Ok(()),
            false => Err(self.failed("migrate")),
        }
    }

    /// Starts it as `serve`, `api` or `work`, and waits until it answers.
    pub(crate) async fn start(&self, verb: &str, database: &str) -> Result<Service> {
        let mut child = self.command(verb, database)?.stdout(Stdio::piped()).spawn()?;
        let process = child.id().ok_or("the service ended at once")?;
        let output = child.stdout.take().ok_or("the service has no output")?;
        let mut lines = BufReader::new(output).lines();
        let line = timeout(START, lines.next_line()).await??;
        // What else it says must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let line = line.ok_or_else(|| self.failed(verb))?;
        let port = line.rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| format!("no port in `{line}`"))?;
        Ok(Service { port, process, child })
    }

    fn command(&self, verb: &str, database: &str) -> Result<Command> {
        let log = std::fs::File::options().create(true).append(true).open(self.log())?;
        let mut command = Command::new(&self.binary);
        command
            .arg(verb)
            .current_dir(&self.folder)
            .env("BIND", "127.0.0.1:0")
            .env("DATABASE_URL", database)
            .env("OPERATOR_TOKEN", "operator")
            // Nobody else sends requests that have yet to learn that it ends.
            .env("DRAIN_DELAY", "0")
            .env_remove("ADMIN_DATABASE_URL")
            .env_remove("METRICS_BIND")
            .env_remove("SMTP_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        Ok(command)
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn failed(&self, verb: &str) -> Box<dyn std::error::Error + Send + Sync> {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(20).collect();
        let last: Vec<_> = lines.into_iter().rev().collect();
        format!("`{verb}` failed; its log ends:\n{}", last.join("\n")).into()
    }
}

impl Service {
    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let told = Command::new("kill").arg(self.process.to_string()).status().await?;
        if !told.success() {
            return Err("the service ended by itself".into());
        }
        match timeout(END, self.child.wait()).await {
            Ok(Ok(ended)) if ended.success() => Ok(()),
            Ok(_) => Err("the service did not end well".into()),
            Err(_) => Err("the service did not end in time".into()),
        }
    }
}

/// A folder of this run's own on a disk: where `/tmp` is memory, an fsync costs nothing.
pub(crate) fn folder(within: &Path) -> Result<tempfile::TempDir> {
    std::fs::create_dir_all(within)?;
    Ok(tempfile::tempdir_in(within)?)
}
