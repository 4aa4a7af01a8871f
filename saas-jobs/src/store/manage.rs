//! What people do with jobs: dead letters, and jobs that wait.

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;
use crate::DeadJob;

/// Which dead letters.
#[derive(Debug, Clone, Default)]
pub struct Which {
    pub(crate) id: Option<Uuid>,
    pub(crate) queue: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) tenant: Option<Uuid>,
    /// Older than this one, which is the last of the page before.
    pub(crate) before: Option<(DateTime<Utc>, Uuid)>,
}

/// Acts on jobs that nobody runs. The functions decide nothing and read no clock.
pub trait Manages: saas_core::sql::Backend {
    /// Dead letters, the latest first.
    fn dead<'c>(
        conn: &'c mut Self::Connection,
        which: &'c Which,
        most: i64,
        how: Statements,
    ) -> Answer<'c, Vec<DeadJob>>;

    /// Makes dead letters ready again, with all their attempts; returns how many.
    fn redrive<'c>(
        conn: &'c mut Self::Connection,
        which: &'c Which,
        most: i64,
        how: Statements,
    ) -> Answer<'c, u64>;

    /// Forgets dead letters altogether; returns how many.
    fn discard<'c>(
        conn: &'c mut Self::Connection,
        which: &'c Which,
        most: i64,
        how: Statements,
    ) -> Answer<'c, u64>;

    /// Ends a job that waits; false if it does not.
    fn cancel<'c>(
        conn: &'c mut Self::Connection,
        id: Uuid,
        tenant: Option<Uuid>,
        reason: &'c str,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, bool>;

    /// Gives a job that waits another time; false if it does not wait.
    fn reschedule(
        conn: &mut Self::Connection,
        id: Uuid,
        tenant: Option<Uuid>,
        run_at: Option<DateTime<Utc>>,
        how: Statements,
    ) -> Answer<'_, bool>;
}
