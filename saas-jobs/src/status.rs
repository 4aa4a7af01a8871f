use std::fmt;

use chrono::{DateTime, Utc};
use saas_core::TenantId;
use serde::Serialize;

use crate::JobId;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum JobState {
    /// Waits for a worker.
    Ready,
    /// Waits for its time: it was scheduled, snoozed, or is tried again.
    Scheduled,
    /// A worker holds it.
    Running,
    /// Succeeded.
    Done,
    /// Ended because it had become pointless.
    Cancelled,
    /// Ended without success.
    Dead,
}

impl JobState {
    /// `ready`, `scheduled`, `running`, `done`, `cancelled` or `dead`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of one job.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobStatus {
    /// Its id.
    pub id: JobId,
    /// Its kind.
    pub kind: String,
    /// The queue it is in.
    pub queue: String,
    /// Where it stands.
    pub state: JobState,
    /// Attempts so far, with the running one.
    pub attempt: u16,
    /// After how many failed attempts it is dead.
    pub max_attempts: u16,
    /// Whose job it is.
    pub tenant: Option<TenantId>,
    /// When it was enqueued, as its id tells; `None` if its id was given and tells no time.
    pub created_at: Option<DateTime<Utc>>,
    /// When it may start; only of a scheduled job.
    pub run_at: Option<DateTime<Utc>>,
    /// Why it ended; only of a dead or cancelled job.
    pub reason: Option<String>,
    /// How its last failed attempt failed.
    pub last_error: Option<LastError>,
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LastError {
    /// Which attempt, from 1.
    pub attempt: u16,
    /// When.
    pub at: DateTime<Utc>,
    /// What the handler said, cut to 4,000 bytes.
    pub error: String,
}

/// How full one queue is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QueueStats {
    /// The queue.
    pub queue: String,
    /// Jobs that wait for a worker.
    pub ready: u64,
    /// Jobs that wait for their time.
    pub scheduled: u64,
    /// Jobs that a worker holds.
    pub running: u64,
    /// Jobs that ended without success, cancelled ones too.
    pub dead: u64,
    /// When the oldest ready job was enqueued: the queue's age.
    pub oldest: Option<DateTime<Utc>>,
}
