//! When jobs began, and how long they had waited.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::Result;

/// The moment at which each of some jobs began.
#[derive(Debug)]
pub(super) struct Starts(Vec<OnceLock<Instant>>);

impl Starts {
    pub(super) fn of(jobs: usize) -> Arc<Self> {
        Arc::new(Self((0..jobs).map(|_| OnceLock::new()).collect()))
    }

    pub(super) fn jobs(&self) -> usize {
        self.0.len()
    }

    /// A job begins now, for the first time.
    pub(super) fn note(&self, job: usize) {
        let _ = self.0[job].set(Instant::now());
    }

    /// Waits until all have begun, and tells how long each waited since `from`.
    pub(super) async fn waits(&self, from: &[Instant]) -> Result<Waits> {
        let given_up = Instant::now() + Duration::from_secs(60);
        let mut waits = Vec::with_capacity(from.len());
        for (from, start) in from.iter().zip(&self.0) {
            while start.get().is_none() {
                if Instant::now() > given_up {
                    return Err("a job has not begun within a minute".into());
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let start = start.get().unwrap_or(from);
            waits.push(start.saturating_duration_since(*from).as_secs_f64() * 1e3);
        }
        waits.sort_unstable_by(f64::total_cmp);
        Ok(Waits(waits))
    }
}

/// In milliseconds, in order.
#[derive(Debug)]
pub(super) struct Waits(Vec<f64>);

impl Waits {
    /// What this share of all waits is within.
    pub(super) fn share(&self, share: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * share) as usize]
    }
}
