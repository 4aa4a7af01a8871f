use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

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
    jobs: Mutex<Jobs>,
    /// One permit per job.
    filled: Semaphore,
}

#[derive(Debug, Default)]
struct Jobs {
    /// Of lanes that found jobs while others had filled the buffer.
    first: VecDeque<Held>,
    rest: VecDeque<Held>,
}

impl Jobs {
    fn pop(&mut self) -> Option<Held> {
        self.first.pop_front().or_else(|| self.rest.pop_front())
    }
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self { jobs: Mutex::default(), filled: Semaphore::new(0) }
    }

    pub(super) fn push(&self, jobs: Vec<Held>) {
        let count = jobs.len();
        self.lock().rest.extend(jobs);
        self.filled.add_permits(count);
    }

    /// The same, ahead of what is there.
    pub(super) fn push_first(&self, jobs: Vec<Held>) {
        let count = jobs.len();
        self.lock().first.extend(jobs);
        self.filled.add_permits(count);
    }

    /// The next job; `None` when the buffer is closed.
    pub(super) async fn pop(&self) -> Option<Held> {
        self.filled.acquire().await.ok()?.forget();
        self.lock().pop()
    }

    /// The next job, if one is there.
    #[cfg(feature = "testing")]
    pub(super) fn take(&self) -> Option<Held> {
        self.filled.try_acquire().ok()?.forget();
        self.lock().pop()
    }

    #[cfg(feature = "testing")]
    pub(super) fn is_empty(&self) -> bool {
        let jobs = self.lock();
        jobs.first.is_empty() && jobs.rest.is_empty()
    }

    /// Hands out nothing more, and gives back what was not handed out.
    pub(super) fn close(&self) -> Vec<Held> {
        self.filled.close();
        let Jobs { first, rest } = std::mem::take(&mut *self.lock());
        first.into_iter().chain(rest).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
