//! Keys that no two jobs hold at once.

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;

/// A key, of one kind and tenant.
#[derive(Debug)]
pub struct Key<'a> {
    pub(crate) kind: &'a str,
    pub(crate) tenant: Option<Uuid>,
    pub(crate) key: &'a str,
}

/// Who holds a key.
#[derive(Debug)]
pub struct Holder {
    pub(crate) id: Uuid,
    pub(crate) taken_at: DateTime<Utc>,
    /// Whether it is ready or scheduled.
    pub(crate) waits: bool,
    /// Whether a worker has it.
    pub(crate) runs: bool,
}

/// What a waiting job is to become.
#[derive(Debug)]
pub struct Replacement<'a> {
    pub(crate) id: Uuid,
    pub(crate) version: i16,
    pub(crate) args: &'a str,
    /// `None` for ready at once.
    pub(crate) run_at: Option<DateTime<Utc>>,
}

/// Keeps keys. The functions decide nothing and read no clock.
pub trait Uniques: saas_core::sql::Backend {
    /// Takes a key that nobody has; false if somebody has it. Waits for a transaction that is about
    /// to have it.
    fn take_key<'c>(
        conn: &'c mut Self::Connection,
        key: &'c Key<'c>,
        id: Uuid,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, bool>;

    /// Locks a key and tells who holds it; `None` if it is not there any more.
    fn holder<'c>(
        conn: &'c mut Self::Connection,
        key: &'c Key<'c>,
        how: Statements,
    ) -> Answer<'c, Option<Holder>>;

    /// Gives a locked key to another job.
    fn pass_key<'c>(
        conn: &'c mut Self::Connection,
        key: &'c Key<'c>,
        id: Uuid,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, ()>;

    /// Changes a job that still waits; false if it does not.
    fn replace<'c>(
        conn: &'c mut Self::Connection,
        replacement: &'c Replacement<'c>,
        how: Statements,
    ) -> Answer<'c, bool>;
}
