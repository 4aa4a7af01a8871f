//! How jobs come to be run.

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;

/// How many priorities there are.
pub(crate) const PRIORITIES: usize = 4;

/// The most jobs one claim takes: beyond that the array of a lease outgrows a page by far.
pub(crate) const MOST_CLAIMED: usize = 512;

/// What to claim, and for whom.
#[derive(Debug)]
pub struct ClaimRequest {
    pub(crate) lease: Uuid,
    pub(crate) worker: Uuid,
    pub(crate) queue: String,
    /// Two to this power jobs: few different limits, since each is a statement of its own.
    pub(crate) limit_log2: usize,
    /// For each priority the id at which to begin.
    pub(crate) marks: [Uuid; PRIORITIES],
}

/// A claimed job.
#[derive(Debug)]
pub struct Claimed {
    pub(crate) id: Uuid,
    pub(crate) attempt: i16,
    pub(crate) max_attempts: i16,
    pub(crate) priority: i16,
    pub(crate) version: i16,
    pub(crate) tenant: Option<Uuid>,
    pub(crate) kind: String,
    pub(crate) args: String,
}

/// Hands out jobs. The functions decide nothing and read no clock.
pub trait Claims: saas_core::sql::Backend {
    /// Moves ready jobs into a new lease; most urgent first, oldest first.
    fn claim<'c>(
        conn: &'c mut Self::Connection,
        request: &'c ClaimRequest,
        how: Statements,
    ) -> Answer<'c, Vec<Claimed>>;

    /// Moves due jobs from later to ready, at most `MOST_CLAIMED`; returns how many.
    fn promote(conn: &mut Self::Connection, now: DateTime<Utc>, how: Statements)
    -> Answer<'_, u64>;
}
