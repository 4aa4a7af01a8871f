//! How jobs come to be run.

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;

/// How many priorities there are.
pub(crate) const PRIORITIES: usize = 4;

/// The most jobs one claim takes: beyond that the array of a lease outgrows a page by far.
pub(crate) const MOST_CLAIMED: usize = 512;

/// The most lanes that one look finds.
pub(crate) const MOST_LANES: usize = 1000;

/// What to claim, and for whom.
#[derive(Debug)]
pub struct ClaimRequest {
    pub(crate) lease: Uuid,
    pub(crate) worker: Uuid,
    pub(crate) queue: String,
    pub(crate) from: Turn,
}

/// Whose turn it is. Amounts are powers of two, given by the exponent: few different ones, since
/// each is a statement of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Turn {
    /// One lane, from these ids on, one for each priority.
    Lane { lane: i32, most_log2: usize, marks: [Uuid; PRIORITIES] },
    /// As many from each of these lanes.
    Each { lanes: Vec<i32>, most_log2: usize },
    /// Some lanes that have jobs, a few of them: as many from each that it is
    /// this much together.
    Some { most_log2: usize },
}

/// How many lanes a claim that knows of none looks for, as an exponent.
pub(crate) const SOME_LANES_LOG2: usize = 3;

/// A claimed job.
#[derive(Debug)]
pub struct Claimed {
    pub(crate) id: Uuid,
    pub(crate) attempt: i16,
    pub(crate) max_attempts: i16,
    pub(crate) lane: i32,
    pub(crate) priority: i16,
    pub(crate) version: i16,
    pub(crate) tenant: Option<Uuid>,
    pub(crate) kind: String,
    pub(crate) trace: Option<String>,
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

    /// Lanes beyond `after` that have jobs, in order, at most `MOST_LANES`.
    fn lanes<'c>(
        conn: &'c mut Self::Connection,
        queue: &'c str,
        after: i32,
        how: Statements,
    ) -> Answer<'c, Vec<i32>>;

    /// Moves due jobs from later to ready, at most `MOST_CLAIMED`; returns how many.
    fn promote(conn: &mut Self::Connection, now: DateTime<Utc>, how: Statements)
    -> Answer<'_, u64>;
}
