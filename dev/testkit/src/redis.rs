use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::required;

/// Where the Redis that tests share listens: use fresh keys.
pub fn redis() -> String {
    required("TEST_REDIS_URL", "redis")
}

/// A Redis of the test's own, to be killed and started again; gone with this value. It loses nothing
/// that it answered: every write is on disk before.
#[derive(Debug)]
pub struct Redis {
    folder: TempDir,
    server: Child,
}

/// Starts one, of the program that `dev/services` found.
pub fn redis_of_its_own() -> Redis {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = launch(&folder);
    let redis = Redis { folder, server };
    redis.wait();
    redis
}

impl Redis {
    /// Where it listens, started or not.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// As a crash: without a chance to write anything.
    pub fn kill(&mut self) {
        self.server.kill().expect("a running server");
        self.server.wait().expect("a dead server");
    }

    /// Starts it again, with what was on disk.
    pub fn start(&mut self) {
        // The file outlives who listened there.
        std::fs::remove_file(self.socket()).expect("the dead server's socket");
        self.server = launch(&self.folder);
        self.wait();
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("redis.sock")
    }

    fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.answers().unwrap_or(false) {
            assert!(Instant::now() < deadline, "a Redis of the test's own does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// It listens before it has read its file.
    fn answers(&self) -> std::io::Result<bool> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG")
    }
}

fn launch(folder: &TempDir) -> Child {
    let program = std::env::var("TEST_REDIS_BIN").unwrap_or_else(|_| "redis-server".into());
    Command::new(&program)
        .args(["--port", "0", "--unixsocket", "redis.sock", "--save", ""])
        .args(["--appendonly", "yes", "--appendfsync", "always", "--dir"])
        .arg(folder.path())
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{program}: {error}; `dev/services start redis` installs it")
        })
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
