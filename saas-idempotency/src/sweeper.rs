use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use saas_core::{Clock, SystemClock};
use tokio::time::{Instant, sleep};

use crate::chance::chance;
use crate::store::Store;
use crate::{Error, metrics};

/// After a pass that broke off the next one comes this soon, and each time twice as late.
const SOON: Duration = Duration::from_secs(1);

/// Removes expired records in the background.
///
/// Any number of them may serve the same store, in any number of processes. Nothing depends on it
/// but the store's size: a record that has expired counts as absent, swept or not.
///
/// ```no_run
/// # #[cfg(feature = "shell")]
/// # async fn example(stop: impl Future<Output = ()>) {
/// use std::time::Duration;
/// use saas_idempotency::{MemoryStore, Sweeper};
/// use std::sync::Arc;
///
/// let store = Arc::new(MemoryStore::new());
/// Sweeper::new(store.clone()).every(Duration::from_secs(300)).run_until(stop).await;
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Sweeper {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    every: Duration,
    batch: u32,
}

impl Sweeper {
    /// Sweeps `store` once a minute, a thousand records at a time.
    pub fn new(store: impl Store + 'static) -> Self {
        Self {
            store: Arc::new(store),
            clock: Arc::new(SystemClock),
            every: Duration::from_secs(60),
            batch: 1000,
        }
    }

    /// How long it rests after a pass, at least a millisecond; up to a tenth more or less, so that
    /// processes that started together do not sweep together.
    #[must_use]
    pub fn every(mut self, rest: Duration) -> Self {
        self.every = rest.max(Duration::from_millis(1));
        self
    }

    /// How many records one statement removes, at least one.
    #[must_use]
    pub fn batch(mut self, records: u32) -> Self {
        self.batch = records.max(1);
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// One pass: removes what has expired by now, batch after batch, and tells how many records
    /// that were.
    ///
    /// # Errors
    /// The store's. What earlier batches removed stays removed.
    pub async fn sweep(&self) -> Result<u64, Error> {
        let (began, now) = (Instant::now(), self.clock.now());
        let mut swept = 0;
        loop {
            let batch = self.store.sweep(now, self.batch).await?;
            swept += batch;
            if batch < u64::from(self.batch) {
                metrics::swept(swept, began.elapsed());
                return Ok(swept);
            }
        }
    }

    /// Sweeps until `stop` resolves. It stops at once, in the middle of a pass too; dropping the
    /// future does the same.
    ///
    /// A store that fails does not end it: it tries again after a second, then ever later, and not
    /// less often than [`every`](Self::every) says.
    pub async fn run_until(self, stop: impl Future<Output = ()>) {
        tokio::select! {
            biased;
            () = stop => {}
            () = self.run() => {}
        }
    }

    async fn run(&self) {
        let mut failures = 0;
        loop {
            sleep(rest(self.every, failures, chance())).await;
            match self.sweep().await {
                Ok(0) => failures = 0,
                Ok(records) => {
                    failures = 0;
                    tracing::debug!(records, "idempotency: expired records were removed");
                }
                Err(error) => {
                    failures += 1;
                    metrics::sweep_failed();
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        failures,
                        "idempotency: expired records could not be removed"
                    );
                }
            }
        }
    }
}

/// The time until the next pass, after that many failures in a row, with `random` from 0 to 1.
fn rest(every: Duration, failures: u32, random: f64) -> Duration {
    let rest = match failures {
        0 => every,
        _ => SOON.saturating_mul(1 << (failures - 1).min(20)).min(every),
    };
    rest.mul_f64(0.9 + 0.2 * random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_failures_it_comes_back_soon_and_then_ever_later() {
        let minute = Duration::from_secs(60);
        let seconds: Vec<_> = (0..9).map(|n| rest(minute, n, 0.5).as_secs_f64().round()).collect();
        assert_eq!(seconds, [60.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);
        assert_eq!(rest(Duration::from_millis(100), 3, 0.5), Duration::from_millis(100));
        assert!(rest(minute, u32::MAX, 0.5) <= minute);
    }

    #[test]
    fn a_rest_is_a_tenth_longer_or_shorter_by_chance() {
        let second = Duration::from_secs(1);
        assert_eq!(rest(second, 0, 0.0), Duration::from_millis(900));
        assert_eq!(rest(second, 0, 1.0), Duration::from_millis(1100));
    }
}
