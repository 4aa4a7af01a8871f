//! What is cleared away once it is old.

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;

/// How far a pass over old jobs has come.
#[derive(Debug)]
pub struct Cleared {
    /// How many jobs were removed.
    pub(crate) jobs: u64,
    /// Where to go on; `None` at the end.
    pub(crate) next: Option<Uuid>,
}

/// Clears. The functions decide nothing and read no clock.
pub trait Retains: saas_core::sql::Backend {
    /// Of the next thousand jobs between two ids, removes those that have ended: done ones below
    /// `done`, dead ones that died before `dead`.
    fn clear(
        conn: &mut Self::Connection,
        after: Uuid,
        done: Uuid,
        dead: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'_, Cleared>;

    /// Removes records of batches that ended before this; returns how many.
    fn clear_batches(
        conn: &mut Self::Connection,
        before: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'_, u64>;
}
