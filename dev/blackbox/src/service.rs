use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::Url;
use saas_testkit::{postgres_fresh, required};
use tempfile::TempDir;

use crate::process::Output;
use crate::{Client, Database, Process, Target, eventually};

/// The operator's token of every service that is not told otherwise.
pub const OPERATOR_TOKEN: &str = "the-operator-of-the-black-box-0123456789";

/// A service with a folder and a database of its own, running or not.
#[derive(Debug)]
pub struct Service {
    target: Target,
    folder: TempDir,
    output: Output,
    settings: BTreeMap<String, String>,
    port: u16,
    anonymous: Client,
    process: Option<Process>,
}

impl Service {
    /// A new one, ready to answer.
    pub async fn start(target: Target) -> Self {
        let mut service = Self::install(target).await;
        service.run(&[]).await;
        service
    }

    /// A folder, a database and settings; nothing runs yet.
    pub async fn install(target: Target) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("work")).expect("a working directory");
        // Nobody has to learn that a process is about to end, where a test does not say otherwise.
        let settings = [("OPERATOR_TOKEN", OPERATOR_TOKEN), ("DRAIN_DELAY", "0")];
        let mut settings: BTreeMap<_, _> =
            settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        if target.database == Database::Postgres {
            let name =
                postgres_fresh().await.app_options.get_database().expect("a name").to_owned();
            for (ours, theirs) in [
                ("DATABASE_URL", "TEST_POSTGRES_URL"),
                ("ADMIN_DATABASE_URL", "TEST_POSTGRES_OWNER_URL"),
            ] {
                let mut url = Url::parse(&required(theirs, "postgres")).expect("a database URL");
                url.set_path(&name);
                settings.insert(ours.to_owned(), url.to_string());
            }
        }
        let port = free_port();
        Self {
            output: Output::within(folder.path()),
            anonymous: Client::new(port),
            target,
            folder,
            settings,
            port,
            process: None,
        }
    }

    /// Another instance on the same database, with a folder and a port of its own; it does not run yet.
    pub fn beside(&self) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("work")).expect("a working directory");
        let port = free_port();
        Self {
            target: self.target,
            output: Output::within(folder.path()),
            folder,
            settings: self.settings.clone(),
            port,
            anonymous: self.anonymous.at(port),
            process: None,
        }
    }

    /// Sets a variable for all runs to come.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.settings.insert(variable.to_owned(), value.to_owned());
    }

    /// Takes a variable back.
    pub fn unset(&mut self, variable: &str) {
        self.settings.remove(variable);
    }

    /// The value of a variable that is set.
    pub fn setting(&self, variable: &str) -> &str {
        &self.settings[variable]
    }

    /// Runs it with more variables, for this run only, until it is ready.
    pub async fn run(&mut self, more: &[(&str, &str)]) {
        self.run_as(&[], more).await;
    }

    /// Runs it with arguments and more variables until it is ready.
    pub async fn run_as(&mut self, arguments: &[&str], more: &[(&str, &str)]) {
        self.kill();
        for _ in 0..5 {
            let mut process = self.spawn(arguments, more);
            let probe = self.anonymous.clone();
            let ended = eventually("GET /readyz is 200", Duration::from_secs(45), async || {
                match process.ended() {
                    Some(status) => Some(Some(status)),
                    None => probe.is_ready().await.then_some(None),
                }
            })
            .await;
            match ended {
                None => {
                    self.process = Some(process);
                    return;
                }
                // Someone took the port since we looked.
                Some(_) if TcpListener::bind(("127.0.0.1", self.port)).is_err() => {
                    self.port = free_port();
                    self.anonymous = Client::new(self.port);
                }
                Some(status) => {
                    panic!("the service did not start: {status}\n{}", self.output.tail())
                }
            }
        }
        panic!("no free port in five attempts");
    }

    /// Starts the binary in the service's folder and waits for nothing.
    pub fn spawn(&self, arguments: &[&str], more: &[(&str, &str)]) -> Process {
        let mut command = Command::new(self.target.binary());
        command
            .args(arguments)
            .current_dir(self.directory())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("RUST_BACKTRACE", "1")
            .env("BIND", format!("127.0.0.1:{}", self.port))
            .envs(&self.settings)
            .envs(more.iter().copied());
        Process::spawn(&mut command, &self.output)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// SIGTERM; how it ended.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.process.take().expect("the service runs").terminate().await
    }

    /// Waits until it ends by itself.
    pub async fn end(&mut self) -> ExitStatus {
        self.process.take().expect("the service runs").end().await
    }

    /// The process that `run` started.
    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("the service runs")
    }

    /// SIGKILL and another run on the same folder and database.
    pub async fn restart(&mut self) {
        self.run(&[]).await;
    }

    /// Where it runs: its working directory.
    pub fn directory(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// All that its runs wrote to standard output.
    pub fn stdout(&self) -> String {
        self.output.read().0
    }

    /// All that its runs wrote, to both.
    pub fn output(&self) -> String {
        let (stdout, stderr) = self.output.read();
        stdout + &stderr
    }

    /// The mails it sent: the names in `./outbox` without `.eml`.
    pub fn mails(&self) -> BTreeSet<String> {
        std::fs::read_dir(self.directory().join("outbox")).map_or_else(
            |_| BTreeSet::new(),
            |folder| {
                folder
                    .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
                    .filter_map(|name| name.strip_suffix(".eml").map(str::to_owned))
                    .collect()
            },
        )
    }

    /// The text of one mail.
    pub fn mail(&self, job: &str) -> String {
        std::fs::read_to_string(self.directory().join("outbox").join(format!("{job}.eml")))
            .expect("a mail")
    }

    /// A client without a token.
    pub fn anonymous(&self) -> Client {
        self.anonymous.clone()
    }

    /// A client with the operator's token.
    pub fn operator(&self) -> Client {
        self.anonymous.with_token(OPERATOR_TOKEN)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "{} on {:?}\n{}",
                self.target.service,
                self.target.database,
                self.output.tail()
            );
        }
    }
}

/// A port that is free: below the range from which the kernel serves outgoing connections, and apart
/// from the ports of tests that run beside this one.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let number =
            std::process::id().wrapping_mul(61).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(20_000 + number % 12_000).expect("below 32,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
