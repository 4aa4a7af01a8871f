use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::eventually;

/// A running binary, killed with this value. Its output goes to files, one after the other's end.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

/// The two files that a service writes to.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) stdout: PathBuf,
    pub(crate) stderr: PathBuf,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command, output: &Output) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(append(&output.stdout))
            .stderr(append(&output.stderr))
            .spawn()
            .expect("the binary can be started");
        Self { child }
    }

    /// How it ended, or `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits until it ends by itself.
    pub async fn end(&mut self) -> ExitStatus {
        eventually("the process ends", Duration::from_secs(45), async || self.ended()).await
    }

    /// SIGTERM, and how it ended.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.ask_to_end();
        self.end().await
    }

    /// SIGTERM.
    pub fn ask_to_end(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("a child can be signalled");
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Output {
    pub(crate) fn within(folder: &Path) -> Self {
        Self { stdout: folder.join("stdout"), stderr: folder.join("stderr") }
    }

    pub(crate) fn read(&self) -> (String, String) {
        let read = |path: &Path| {
            std::fs::read(path)
                .map_or_else(|_| String::new(), |text| String::from_utf8_lossy(&text).into_owned())
        };
        (read(&self.stdout), read(&self.stderr))
    }

    /// The last lines of both, for people.
    pub(crate) fn tail(&self) -> String {
        let (stdout, stderr) = self.read();
        let last = |text: &str| {
            let lines: Vec<_> = text.lines().collect();
            lines[lines.len().saturating_sub(40)..].join("\n")
        };
        format!(
            "--- standard output ends\n{}\n--- standard error ends\n{}\n---",
            last(&stdout),
            last(&stderr)
        )
    }
}

fn append(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("a file for the output")
}
