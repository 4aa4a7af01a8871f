//! What gauges show, looked up cheaply.

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;
use crate::JobId;

/// How full one queue is; large amounts are counted up to a bound.
#[cfg_attr(not(feature = "metrics"), allow(dead_code))] // Nobody else samples.
#[derive(Debug)]
pub struct Gauge {
    pub(crate) ready: i64,
    pub(crate) scheduled: i64,
    pub(crate) running: i64,
    pub(crate) dead: i64,
    pub(crate) oldest: Option<JobId>,
}

/// Samples queues. The functions decide nothing and read no clock.
pub trait Gauges: saas_core::sql::Backend {
    /// Takes or renews the duty of sampling a queue until a moment; false if another has it.
    fn take_gauges<'c>(
        conn: &'c mut Self::Connection,
        queue: &'c str,
        holder: Uuid,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, bool>;

    /// Gives that duty up for all queues, where this one has it.
    fn leave_gauges(conn: &mut Self::Connection, holder: Uuid, how: Statements) -> Answer<'_, ()>;

    /// Samples one queue: up to 100,000 ready and as many scheduled jobs of all queues, up to 10,000
    /// dead ones of all, and the oldest in up to 2,500 lanes.
    fn gauge<'c>(
        conn: &'c mut Self::Connection,
        queue: &'c str,
        how: Statements,
    ) -> Answer<'c, Gauge>;
}
