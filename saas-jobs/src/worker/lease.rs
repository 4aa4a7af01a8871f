use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::watch;
use uuid::Uuid;

use super::buffer::Held;
use crate::store::{ClaimRequest, Claimed};

/// A claimed batch. Its id is the fencing token: no two claims share one, and whoever takes the
/// jobs back deletes its row.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) id: Uuid,
    pub(crate) epoch: Arc<Epoch>,
    /// The queue its jobs came from.
    pub(crate) queue: Arc<str>,
    /// How many jobs it holds.
    pub(crate) size: usize,
    /// Whether they are under a limit.
    pub(crate) limited: bool,
}

/// One registration of a worker: it is renewed or it lapses, and is never revived.
#[derive(Debug)]
pub(crate) struct Epoch {
    pub(crate) worker: Uuid,
    lapsed: watch::Sender<bool>,
    until: Mutex<Instant>,
}

impl Lease {
    /// Jobs that were claimed together.
    pub(super) fn hold(request: ClaimRequest, epoch: &Arc<Epoch>, jobs: Vec<Claimed>) -> Vec<Held> {
        let (id, queue) = (request.lease, request.queue.into());
        // Lanes under limits are the negative ones, and such a lease has one of them.
        let (size, limited) = (jobs.len(), jobs.first().is_some_and(|job| job.lane < 0));
        let lease = Arc::new(Self { id, epoch: Arc::clone(epoch), queue, size, limited });
        jobs.into_iter().map(|job| Held { lease: Arc::clone(&lease), job }).collect()
    }
}

impl Epoch {
    pub(super) fn new(until: Instant) -> Arc<Self> {
        Arc::new(Self {
            worker: Uuid::now_v7(),
            lapsed: watch::Sender::new(false),
            until: Mutex::new(until),
        })
    }

    /// Known to be renewed until `until`.
    pub(super) fn prolong(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Known to be ended by another worker.
    pub(super) fn lapse(&self) {
        self.lapsed.send_replace(true);
    }

    /// Becomes true when the epoch has lapsed.
    pub(crate) fn lapsed(&self) -> watch::Receiver<bool> {
        self.lapsed.subscribe()
    }

    /// Whether nobody can have taken its jobs yet.
    pub(super) fn is_current(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        !*self.lapsed.borrow() && Instant::now() < until
    }
}
