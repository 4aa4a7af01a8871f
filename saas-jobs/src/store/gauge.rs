//! What gauges show, looked up cheaply.

use saas_core::sql::Statements;

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
    /// Samples one queue: up to 100,000 ready and as many scheduled jobs of all queues, up to 10,000
    /// dead ones of all, and the oldest in up to 2,500 lanes.
    fn gauge<'c>(
        conn: &'c mut Self::Connection,
        queue: &'c str,
        how: Statements,
    ) -> Answer<'c, Gauge>;
}
