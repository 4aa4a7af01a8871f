//! What becomes of jobs.

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;
use crate::text::escaped;

/// States in `jobs_done`.
pub(crate) const DONE: i16 = 1;

pub(crate) const MOVED: i16 = 2;

/// States in `jobs_dead`.
pub(crate) const DEAD: i16 = 1;

pub(crate) const CANCELLED: i16 = 2;

/// What left leases, row by row. Rows of leases that are not held any more are left out by the
/// database.
#[derive(Debug, Default)]
pub struct Placement {
    /// Leases whose last jobs are in here.
    pub(crate) closing: Vec<Uuid>,
    /// Leases that go on.
    pub(crate) staying: Vec<Uuid>,
    pub(crate) done: Vec<(Uuid, Uuid)>,
    /// Jobs of staying leases that go elsewhere.
    pub(crate) moved: Vec<(Uuid, Uuid)>,
    pub(crate) ready: Vec<Moved<()>>,
    pub(crate) later: Vec<Moved<DateTime<Utc>>>,
    pub(crate) dead: Vec<Moved<(i16, String)>>,
    pub(crate) errors: Vec<Moved<String>>,
}

impl Placement {
    /// Writes texts in letters that every database takes, whatever its encoding.
    pub(crate) fn escape(&mut self) {
        let reasons = self.dead.iter_mut().map(|job| &mut job.what.1);
        let errors = self.errors.iter_mut().map(|job| &mut job.what);
        reasons.chain(errors).for_each(|text| *text = escaped(text));
    }
}

/// A job that leaves a lease for another table.
#[derive(Debug)]
pub(crate) struct Moved<T> {
    pub(crate) lease: Uuid,
    pub(crate) id: Uuid,
    pub(crate) attempt: i16,
    pub(crate) what: T,
}

/// Records outcomes. The functions decide nothing and read no clock.
pub trait Records: saas_core::sql::Backend {
    /// Records every job of these leases as done; returns the leases that were still held.
    fn close<'c>(
        conn: &'c mut Self::Connection,
        leases: &'c [Uuid],
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, Vec<Uuid>>;

    /// Records what left leases job by job; returns the leases that were still held.
    fn place<'c>(
        conn: &'c mut Self::Connection,
        placement: &'c Placement,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, Vec<Uuid>>;

    /// Records one job as done if its lease is held. If not, returns false or an error, and the
    /// transaction cannot commit.
    fn complete(
        conn: &mut Self::Connection,
        lease: Uuid,
        job: Uuid,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'_, bool>;

    /// What is recorded as having left these leases: lease and job.
    fn recorded<'c>(
        conn: &'c mut Self::Connection,
        leases: &'c [Uuid],
        how: Statements,
    ) -> Answer<'c, Vec<(Uuid, Uuid)>>;

    /// Which of these leases no unfinished transaction is completing a job of, or are gone.
    fn unlocked<'c>(
        conn: &'c mut Self::Connection,
        leases: &'c [Uuid],
        how: Statements,
    ) -> Answer<'c, Vec<Uuid>>;
}
