//! What came of the requests of one route at one load.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::Result;
use crate::client::Ended;

/// How long a client waits for its answer. One without an answer counts as having waited so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Latencies from the moment at which a request was due, to three digits.
#[derive(Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Result<Self> {
        let greatest = 2 * PATIENCE.as_micros() as u64;
        Ok(Self(Histogram::new_with_bounds(1, greatest, 3)?))
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(latency.as_micros() as u64);
    }

    /// The latency that this part of all requests did not exceed; `None` if there were none.
    pub(crate) fn quantile(&self, part: f64) -> Option<Duration> {
        (!self.0.is_empty()).then(|| Duration::from_micros(self.0.value_at_quantile(part)))
    }
}

/// The seconds of a step that count: what comes before only warms up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) begin: Duration,
    pub(crate) end: Duration,
}

impl Window {
    fn holds(self, moment: Duration) -> bool {
        (self.begin..self.end).contains(&moment)
    }

    pub(crate) fn seconds(self) -> f64 {
        (self.end - self.begin).as_secs_f64()
    }
}

/// The counts of one route.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Requests that were due in the window.
    pub(crate) offered: u64,
    /// Answers as expected that came in the window, whenever they were due.
    pub(crate) achieved: u64,
    /// Of those offered, what was not answered as expected, by what happened instead.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Of those offered, except the ones that were refused: a refusal is fast and no service.
    pub(crate) latencies: Latencies,
}

/// Quantiles in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: Option<f64>,
    pub(crate) p95: Option<f64>,
    pub(crate) p99: Option<f64>,
}

impl Tally {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { offered: 0, achieved: 0, errors: BTreeMap::new(), latencies: Latencies::new()? })
    }

    /// Counts a request that was due and ended at these moments of the step.
    pub(crate) fn count(&mut self, window: Window, due: Duration, over: Duration, ended: &Ended) {
        let good = *ended == Ended::AsExpected;
        self.achieved += u64::from(good && window.holds(over));
        if !window.holds(due) {
            return;
        }
        self.offered += 1;
        if good || *ended == Ended::NoAnswer {
            self.latencies.record(over.saturating_sub(due));
        }
        if !good {
            *self.errors.entry(ended.to_string()).or_default() += 1;
        }
    }

    pub(crate) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    pub(crate) fn quantiles(&self) -> Quantiles {
        let of = |part| self.latencies.quantile(part).map(|latency| latency.as_secs_f64() * 1e3);
        Quantiles { p50: of(0.50), p95: of(0.95), p99: of(0.99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    const WINDOW: Window = Window { begin: Duration::from_secs(1), end: Duration::from_secs(2) };

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut latencies = Latencies::new().unwrap();
        assert_eq!(latencies.quantile(0.5), None);
        // In no order: 1 to 1000 ms.
        (0..1000).for_each(|n| latencies.record(ms(n * 337 % 1000 + 1)));
        for (part, expected) in [(0.5, 500), (0.95, 950), (0.99, 990), (1.0, 1000)] {
            let found = latencies.quantile(part).unwrap();
            assert!(found.abs_diff(ms(expected)) <= ms(1), "{part}: {found:?}");
        }
    }

    #[test]
    fn what_is_longer_than_the_greatest_counts_as_the_greatest() {
        let mut latencies = Latencies::new().unwrap();
        latencies.record(Duration::from_secs(3600));
        assert!(latencies.quantile(0.5).unwrap() >= 2 * PATIENCE);
    }

    #[test]
    fn only_what_was_due_in_the_window_is_offered() {
        let mut tally = Tally::new().unwrap();
        for due in [999, 1000, 1999, 2000] {
            tally.count(WINDOW, ms(due), ms(due + 10), &Ended::AsExpected);
        }
        assert_eq!(tally.offered, 2);
        // The one due just before came in it, and the last one due in it came after.
        assert_eq!(tally.achieved, 2);
    }

    #[test]
    fn a_service_that_falls_behind_achieves_less_than_it_is_offered() {
        let mut tally = Tally::new().unwrap();
        // Ten due every 100 ms, each answered 200 ms after the one before.
        for n in 0..20u64 {
            tally.count(WINDOW, ms(n * 100), ms(n * 200), &Ended::AsExpected);
        }
        assert_eq!((tally.offered, tally.achieved), (10, 5));
    }

    #[test]
    fn an_error_is_no_answer_and_only_silence_counts_as_slow() {
        let mut tally = Tally::new().unwrap();
        tally.count(WINDOW, ms(1000), ms(1001), &Ended::Status(503));
        assert!(tally.quantiles().p50.is_none());
        tally.count(WINDOW, ms(1000), ms(11_000), &Ended::NoAnswer);
        assert!(tally.quantiles().p50.unwrap() > 9_900.0);
        assert_eq!((tally.offered, tally.achieved, tally.failed()), (2, 0, 2));
        assert_eq!(tally.errors["503"], 1);
    }
}
