//! What is known of jobs.

use chrono::{DateTime, Utc};
use saas_core::TenantId;
use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;
use crate::{JobId, JobStatus, QueueStats};

/// A job that is ready or scheduled.
#[cfg_attr(not(feature = "testing"), allow(dead_code))] // Only tests list them.
#[derive(Debug)]
pub struct WaitingJob {
    pub(crate) id: JobId,
    pub(crate) version: i16,
    pub(crate) args: String,
    pub(crate) queue: String,
    pub(crate) priority: i16,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) trace: Option<String>,
    pub(crate) attempts: u16,
    pub(crate) run_at: Option<DateTime<Utc>>,
}

/// Tells what is there. The functions decide nothing and read no clock.
pub trait Inspects: saas_core::sql::Backend {
    /// What is known of a job, of one tenant's if one is given.
    fn status(
        conn: &mut Self::Connection,
        job: Uuid,
        tenant: Option<Uuid>,
        how: Statements,
    ) -> Answer<'_, Option<JobStatus>>;

    /// How full the queues are.
    fn stats(conn: &mut Self::Connection, how: Statements) -> Answer<'_, Vec<QueueStats>>;

    /// Jobs of a kind that are ready or scheduled, oldest first.
    fn waiting<'c>(
        conn: &'c mut Self::Connection,
        kind: &'c str,
        how: Statements,
    ) -> Answer<'c, Vec<WaitingJob>>;
}
