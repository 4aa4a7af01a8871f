//! Steps of a job, each taken once.

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;

/// What a step came to.
#[derive(Debug)]
pub struct Taking<'a> {
    pub(crate) lease: Uuid,
    pub(crate) job: Uuid,
    pub(crate) name: &'a str,
    /// As JSON.
    pub(crate) result: &'a str,
    pub(crate) now: DateTime<Utc>,
}

/// Keeps results of steps. The functions decide nothing and read no clock.
pub trait StepStore: saas_core::sql::Backend {
    /// What a step came to, as JSON, if it was taken.
    fn step<'c>(
        conn: &'c mut Self::Connection,
        job: Uuid,
        name: &'c str,
        how: Statements,
    ) -> Answer<'c, Option<String>>;

    /// Records a step if the job's lease is held. If not, returns false or an error, and the
    /// transaction cannot commit.
    fn take_step<'c>(
        conn: &'c mut Self::Connection,
        taking: &'c Taking<'c>,
        how: Statements,
    ) -> Answer<'c, bool>;
}
