use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, Semaphore};

use super::lease::Lease;
use crate::store::Claimed;

/// A job that is claimed and waits for a slot.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) lease: Arc<Lease>,
    pub(super) job: Claimed,
}

/// Claimed jobs, between the one that claims and those that run.
#[derive(Debug)]
pub(super) struct Buffer {
    jobs: Mutex<VecDeque<Held>>,
    /// One permit per job.
    filled: Semaphore,
    /// Told after each job that leaves.
    pub(super) taken: Notify,
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self { jobs: Mutex::default(), filled: Semaphore::new(0), taken: Notify::new() }
    }

    pub(super) fn push(&self, jobs: impl ExactSizeIterator<Item = Held>) {
        let count = jobs.len();
        self.lock().extend(jobs);
        self.filled.add_permits(count);
    }

    /// The next job; `None` when the buffer is closed.
    pub(super) async fn pop(&self) -> Option<Held> {
        self.filled.acquire().await.ok()?.forget();
        let job = self.lock().pop_front();
        self.taken.notify_one();
        job
    }

    /// The next job, if one is there.
    #[cfg(feature = "testing")]
    pub(super) fn take(&self) -> Option<Held> {
        self.filled.try_acquire().ok()?.forget();
        self.lock().pop_front()
    }

    #[cfg(feature = "testing")]
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Hands out nothing more, and gives back what was not handed out.
    pub(super) fn close(&self) -> VecDeque<Held> {
        self.filled.close();
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Held>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
