use chrono::{DateTime, Utc};
use saas_core::TenantId;
use serde::Serialize;

use super::{Missed, When};
use crate::Error;

/// A schedule as the database has it, with the job it enqueues.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StoredSchedule {
    /// Its name.
    pub name: String,
    /// Its cron expression.
    pub expression: String,
    /// The zone by whose clock it goes.
    pub zone: String,
    /// What becomes of runs that were missed.
    pub missed: Missed,
    /// The kind of its jobs.
    pub kind: String,
    /// The version of their arguments.
    pub version: i16,
    /// Their arguments, as JSON.
    pub args: String,
    /// Their queue.
    pub queue: String,
    /// Their priority.
    pub priority: u8,
    /// After how many failed attempts each is dead.
    pub max_attempts: u16,
    /// Whose jobs they are.
    pub tenant: Option<TenantId>,
    /// Under which limit they run.
    pub limit: Option<String>,
    /// Whether a worker defined it, rather than a call of [`Queue::schedule`](crate::Queue::schedule).
    pub in_code: bool,
    /// Whether it is paused.
    pub paused: bool,
    /// When it fires next; `None` while it is paused.
    pub next_at: Option<DateTime<Utc>>,
    /// When the latest run was due that it has enqueued.
    pub last_at: Option<DateTime<Utc>>,
}

impl StoredSchedule {
    /// Its moments.
    pub(crate) fn when(&self) -> Result<When, Error> {
        let when = When::parse(&self.expression, &self.zone);
        when.map_err(|problem| Error::Schedule { name: self.name.clone(), problem })
    }
}
