//! Who does what one is enough for.

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;

/// Who asks for a duty, and until when.
// Without schedules and gauges nothing asks for any.
#[cfg_attr(not(any(feature = "cron", feature = "metrics")), allow(dead_code))]
#[derive(Debug)]
pub struct Candidate<'a> {
    pub(crate) duty: &'a str,
    pub(crate) holder: Uuid,
    pub(crate) now: DateTime<Utc>,
    pub(crate) until: DateTime<Utc>,
}

/// Keeps duties. The functions decide nothing and read no clock.
pub trait Leads: saas_core::sql::Backend {
    /// Takes or renews a duty, and locks it until the end of the transaction. False if another has
    /// it.
    fn lead<'c>(
        conn: &'c mut Self::Connection,
        candidate: &'c Candidate<'c>,
        how: Statements,
    ) -> Answer<'c, bool>;

    /// Gives up whatever this one has.
    fn resign(conn: &mut Self::Connection, holder: Uuid, how: Statements) -> Answer<'_, ()>;
}
