//! What is enqueued again and again, and who sees to it.

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;
use crate::StoredSchedule;

/// How many schedules are fired in one transaction.
pub(crate) const MOST_FIRED: usize = 100;

/// Keeps schedules. The functions decide nothing and read no clock.
pub trait Schedules: saas_core::sql::Backend {
    /// Stores a schedule. One of that name that is there keeps whether it is paused, and its next
    /// time unless its expression or zone changes.
    fn put_schedule<'c>(
        conn: &'c mut Self::Connection,
        schedule: &'c StoredSchedule,
        how: Statements,
    ) -> Answer<'c, ()>;

    /// Deletes schedules that were defined in code, but for these; returns how many.
    fn prune_schedules<'c>(
        conn: &'c mut Self::Connection,
        keep: &'c [String],
        how: Statements,
    ) -> Answer<'c, u64>;

    /// Schedules by name.
    fn schedules<'c>(
        conn: &'c mut Self::Connection,
        tenant: Option<Uuid>,
        after: &'c str,
        most: i64,
        how: Statements,
    ) -> Answer<'c, Vec<StoredSchedule>>;

    /// One schedule.
    fn stored_schedule<'c>(
        conn: &'c mut Self::Connection,
        name: &'c str,
        how: Statements,
    ) -> Answer<'c, Option<StoredSchedule>>;

    /// Takes a schedule's next time; false if it is not there.
    fn pause_schedule<'c>(
        conn: &'c mut Self::Connection,
        name: &'c str,
        how: Statements,
    ) -> Answer<'c, bool>;

    /// Gives a paused schedule a next time; false if it is not paused.
    fn resume_schedule<'c>(
        conn: &'c mut Self::Connection,
        name: &'c str,
        next: Option<DateTime<Utc>>,
        how: Statements,
    ) -> Answer<'c, bool>;

    /// Deletes a schedule; false if it is not there.
    fn delete_schedule<'c>(
        conn: &'c mut Self::Connection,
        name: &'c str,
        how: Statements,
    ) -> Answer<'c, bool>;

    /// When the first schedule is due.
    fn next_due(conn: &mut Self::Connection, how: Statements) -> Answer<'_, Option<DateTime<Utc>>>;

    /// Locks schedules that are due and that no other locks, from the one behind `after` on.
    fn due_schedules<'c>(
        conn: &'c mut Self::Connection,
        now: DateTime<Utc>,
        after: &'c (DateTime<Utc>, String),
        how: Statements,
    ) -> Answer<'c, Vec<StoredSchedule>>;

    /// Notes what a schedule has fired and when it is due again.
    fn advance_schedule<'c>(
        conn: &'c mut Self::Connection,
        name: &'c str,
        last: Option<DateTime<Utc>>,
        next: Option<DateTime<Utc>>,
        how: Statements,
    ) -> Answer<'c, ()>;
}
