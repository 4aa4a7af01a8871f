//! How much of a kind of work may go on.

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;
use crate::Limit;
use crate::limit::Use;

/// A lane under a limit that has jobs.
#[derive(Debug, Clone)]
pub struct LimitedLane {
    pub(crate) lane: i32,
    pub(crate) tenant: Option<Uuid>,
    pub(crate) name: String,
    /// `None` if nobody has told what the name means.
    pub(crate) limit: Option<Limit>,
}

/// How far a limit is used: by all tenants, and by the one asked for.
#[derive(Debug)]
pub struct Used {
    pub(crate) all: Use,
    pub(crate) tenant: Use,
}

/// What is to be written after a claim under a limit.
#[derive(Debug)]
pub struct Taken<'a> {
    pub(crate) lease: Uuid,
    pub(crate) name: &'a str,
    pub(crate) tenant: Option<Uuid>,
    pub(crate) all_tokens: Option<f64>,
    pub(crate) tenant_tokens: Option<f64>,
    pub(crate) now: DateTime<Utc>,
}

/// Bounds what goes on. The functions decide nothing and read no clock.
pub trait Limits: saas_core::sql::Backend {
    /// Writes down what a limit means.
    fn set_limit<'c>(
        conn: &'c mut Self::Connection,
        limit: &'c Limit,
        how: Statements,
    ) -> Answer<'c, ()>;

    /// The lane of a tenant's jobs under a limit; makes it if there is none.
    fn limited_lane<'c>(
        conn: &'c mut Self::Connection,
        queue: &'c str,
        name: &'c str,
        tenant: Option<Uuid>,
        how: Statements,
    ) -> Answer<'c, i32>;

    /// The lanes under limits that have jobs, beyond `after` in order, at most `MOST_LANES`.
    fn limited_lanes<'c>(
        conn: &'c mut Self::Connection,
        queue: &'c str,
        after: i32,
        how: Statements,
    ) -> Answer<'c, Vec<LimitedLane>>;

    /// Locks a limit until the end of the transaction and tells how far it is used. `None` if
    /// another worker has it.
    fn lock_limit<'c>(
        conn: &'c mut Self::Connection,
        lane: &'c LimitedLane,
        how: Statements,
    ) -> Answer<'c, Option<Used>>;

    /// Counts a lease towards a limit that is locked.
    fn take_limit<'c>(
        conn: &'c mut Self::Connection,
        taken: &'c Taken<'c>,
        how: Statements,
    ) -> Answer<'c, ()>;
}
