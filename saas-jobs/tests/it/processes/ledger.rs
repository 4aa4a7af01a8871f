//! What worker processes note as they go: in a file, which outlives them and needs no database.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use chrono::{DateTime, Utc};
use saas_jobs::JobId;
use serde::{Deserialize, Serialize};

const NAME: &str = "ledger";

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Event {
    /// A handler was called.
    Begun,
    /// It has completed its job, and not committed.
    Completed,
    /// It was told that its lease is lost, and could not commit.
    Fenced,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) event: Event,
    pub(super) job: JobId,
    pub(super) process: u32,
    pub(super) at: DateTime<Utc>,
}

/// A worker's way to write.
pub(super) struct Pen(File);

impl Pen {
    pub(super) fn new(folder: &Path) -> Self {
        Self(OpenOptions::new().append(true).create(true).open(folder.join(NAME)).unwrap())
    }

    /// In one piece: a line is there or not, whenever the process is killed.
    pub(super) fn write(&self, entry: Entry) {
        let line = serde_json::to_string(&entry).unwrap() + "\n";
        (&self.0).write_all(line.as_bytes()).unwrap();
    }
}

/// The test's way to read.
pub(super) struct Ledger {
    file: BufReader<File>,
    line: String,
    entries: Vec<Entry>,
}

impl Ledger {
    pub(super) fn open(folder: &Path) -> Self {
        Pen::new(folder);
        let file = BufReader::new(File::open(folder.join(NAME)).unwrap());
        Self { file, line: String::new(), entries: Vec::new() }
    }

    /// All there is by now.
    pub(super) fn read(&mut self) -> &[Entry] {
        while self.file.read_line(&mut self.line).unwrap() > 0 && self.line.ends_with('\n') {
            self.entries.push(serde_json::from_str(&self.line).unwrap());
            self.line.clear();
        }
        &self.entries
    }
}
