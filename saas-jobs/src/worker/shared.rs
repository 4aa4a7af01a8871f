use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Pool;
use tokio::sync::watch;
use uuid::Uuid;

use super::buffer::Buffer;
use super::pace;
use super::registry::Registry;
use super::room::Room;
use super::settings::Settings;
use crate::layer::Layers;
use crate::scope::Contexts;
use crate::{Backend, Queue};

/// What the tasks of one worker share.
pub(super) struct Shared<DB: Backend, C> {
    pub(super) pool: Pool<DB>,
    pub(super) queue: Queue<DB>,
    pub(super) contexts: Contexts<C>,
    pub(super) registry: Registry<C>,
    pub(super) layers: Layers,
    pub(super) settings: Settings,
    pub(super) buffer: Buffer,
    /// Jobs that are claimed and not ended.
    pub(super) in_hand: AtomicUsize,
    /// Jobs that are claimed and not recorded.
    pub(super) unsettled: AtomicUsize,
    /// Nanoseconds; 0 while unknown.
    pub(super) mean_run: AtomicU64,
    pub(super) room: Room,
    /// Told when jobs under limits were recorded, which may let others begin.
    pub(super) freed: watch::Sender<()>,
    pub(super) stop: watch::Sender<bool>,
    /// Running handlers are to be dropped.
    pub(super) abandon: watch::Sender<bool>,
    /// Leases whose claim broke off, and when.
    pub(super) doubtful: Mutex<Vec<(Uuid, Instant)>>,
}

impl<DB: Backend, C> Shared<DB, C> {
    pub(super) fn load(&self) -> pace::Load {
        let in_hand = self.in_hand.load(Ordering::Relaxed);
        let mean_run = match self.mean_run.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        };
        let unrecorded = self.unsettled.load(Ordering::Relaxed).saturating_sub(in_hand);
        pace::Load { concurrency: self.settings.concurrency, in_hand, unrecorded, mean_run }
    }

    /// Takes a run into the mean. Two at once may lose one of them, which does not matter to it.
    pub(super) fn ran(&self, took: Duration) {
        let mean = pace::mean_after(self.load().mean_run, took).as_nanos().max(1);
        self.mean_run.store(u64::try_from(mean).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Remembers a lease whose claim broke off.
    pub(super) fn doubt(&self, lease: Uuid) {
        self.lock_doubtful().push((lease, Instant::now()));
    }

    /// The doubtful leases.
    pub(super) fn doubtful(&self) -> Vec<Uuid> {
        self.lock_doubtful().iter().map(|(lease, _)| *lease).collect()
    }

    /// Forgets doubtful leases that were found, or were not by one who looked a minute after the
    /// claim: that was never made.
    pub(super) fn trust(&self, found: &[Uuid], looked: Instant) {
        let late = |since: &Instant| looked.saturating_duration_since(*since).as_secs() >= 60;
        self.lock_doubtful().retain(|(lease, since)| !found.contains(lease) && !late(since));
    }

    fn lock_doubtful(&self) -> std::sync::MutexGuard<'_, Vec<(Uuid, Instant)>> {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
