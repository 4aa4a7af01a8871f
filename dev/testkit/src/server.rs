use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

/// A server of the test's own, to be killed and started again; gone with this value.
#[derive(Debug)]
pub struct Server {
    program: Command,
    running: Child,
    /// It has started when it answers here.
    answers: PgConnectOptions,
    folder: TempDir,
}

impl Server {
    pub(crate) async fn launch(
        mut program: Command,
        answers: PgConnectOptions,
        folder: TempDir,
    ) -> Self {
        let log = File::create(folder.path().join("log")).expect("a log");
        program.current_dir(folder.path()).stdout(Stdio::null()).stderr(log);
        let running = program.spawn().unwrap_or_else(|error| panic!("{program:?}: {error}"));
        let mut server = Self { program, running, answers, folder };
        server.wait().await;
        server
    }

    /// As a crash: without a chance to write anything.
    pub fn kill(&mut self) {
        self.running.kill().expect("a running server");
        self.running.wait().expect("a dead server");
    }

    /// Starts it again, with what was on disk, and waits until it answers.
    pub async fn start(&mut self) {
        self.running = self.program.spawn().expect("it did start before");
        self.wait().await;
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    async fn wait(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.is_up().await {
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(self.folder.path().join("log"));
                panic!("{:?} does not start: {}", self.program, log.unwrap_or_default());
            }
            // It refuses to as long as processes of the killed one are left.
            if self.running.try_wait().expect("a child").is_some() {
                self.running = self.program.spawn().expect("it did start before");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn is_up(&self) -> bool {
        match PgConnection::connect_with(&self.answers).await {
            Ok(conn) => conn.close().await.is_ok(),
            Err(_) => false,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // At once, but PostgreSQL frees its shared memory. It may be dead already.
        signal(&mut self.running, Signal::QUIT);
        let _ = self.running.wait();
    }
}

/// Sends a process a signal, if it has not ended.
pub fn signal(process: &mut Child, signal: Signal) {
    // One that has ended and was waited for may have left its id to a stranger.
    if !matches!(process.try_wait(), Ok(None)) {
        return;
    }
    let id = Pid::from_child(process);
    kill_process(id, signal).expect("a process of ours");
    if signal == Signal::STOP {
        // It takes a moment to reach every thread.
        waitpid(Some(id), WaitOptions::UNTRACED).expect("a child");
    }
}
