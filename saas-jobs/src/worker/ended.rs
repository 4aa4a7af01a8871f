//! Jobs that ended and are not recorded.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::lease::Lease;
use crate::settle::Settlement;

/// A job that ended.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) lease: Arc<Lease>,
    pub(super) id: Uuid,
    pub(super) ended: Ended,
}

#[derive(Debug)]
pub(super) enum Ended {
    /// To be recorded.
    Settled(Settlement),
    /// A transaction of the handler may have recorded it; what becomes of it if not.
    Touched { otherwise: Settlement },
}

/// A lease with jobs that are not recorded.
pub(super) struct Open {
    /// Jobs that have not ended.
    pub(super) running: usize,
    pub(super) results: Vec<(Uuid, Settlement)>,
    pub(super) touched: Vec<(Uuid, Settlement)>,
    /// Whether part of it is recorded already.
    pub(super) partly: bool,
    pub(super) limited: bool,
    /// When the oldest outcome came in.
    pub(super) since: Instant,
}

impl Open {
    pub(super) fn is_over(&self) -> bool {
        self.running == 0 && self.touched.is_empty()
    }

    /// Whether the lease can be recorded as a whole, which takes no list of its jobs.
    pub(super) fn is_wholly_done(&self) -> bool {
        self.is_over()
            && !self.partly
            && self.results.iter().all(|(_, end)| *end == Settlement::Done)
    }
}
