//! What is known of jobs.

use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;
use crate::{JobStatus, QueueStats};

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

    /// Arguments of jobs of a kind that are ready or scheduled: version and JSON, oldest first.
    fn waiting<'c>(
        conn: &'c mut Self::Connection,
        kind: &'c str,
        how: Statements,
    ) -> Answer<'c, Vec<(i16, String)>>;
}
