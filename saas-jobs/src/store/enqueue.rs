//! How jobs come in.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;

/// Jobs of one kind to be stored alike.
#[derive(Debug)]
pub struct NewJobs {
    pub(crate) kind: Cow<'static, str>,
    pub(crate) version: i16,
    pub(crate) queue: String,
    pub(crate) priority: i16,
    pub(crate) max_attempts: i16,
    pub(crate) tenant: Option<Uuid>,
    /// `None` for lane 0.
    pub(crate) lane: Option<i32>,
    pub(crate) trace: Option<String>,
    /// `None` for ready at once.
    pub(crate) run_at: Option<DateTime<Utc>>,
    /// Each job's id and arguments as JSON.
    pub(crate) jobs: Vec<(Uuid, String)>,
    /// Leaves a job alone whose id is taken.
    pub(crate) once: bool,
}

/// Stores jobs. The functions decide nothing and read no clock.
pub trait Enqueues: saas_core::sql::Backend {
    /// Stores jobs, all or none, and returns how many are new.
    fn enqueue<'c>(
        conn: &'c mut Self::Connection,
        jobs: &'c NewJobs,
        how: Statements,
    ) -> Answer<'c, u64>;
}
