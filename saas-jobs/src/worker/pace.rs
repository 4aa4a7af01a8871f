//! How much to claim and how long to wait: pure policy.

use std::time::Duration;

use uuid::Uuid;

use crate::store::{Claimed, MOST_CLAIMED, PRIORITIES};

/// How far ahead a worker claims: what it expects to run within this time.
const AHEAD: Duration = Duration::from_millis(100);

/// The most jobs it holds beyond those that run.
const MOST_AHEAD: usize = 4 * MOST_CLAIMED;

/// How many more of them may be of lanes that have just found jobs.
const SPARE: usize = 64;

/// The most outcomes that wait to be recorded before claiming pauses.
const MOST_UNRECORDED: usize = 8 * MOST_CLAIMED;

/// How long claiming may go on from marks before it looks at the whole queue again: ids below a
/// mark appear when a transaction commits late, a clock is behind, or a job is tried again.
pub(super) const RESCAN: Duration = Duration::from_secs(1);

/// What a worker has in hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) concurrency: usize,
    /// Claimed and not ended.
    pub(super) in_hand: usize,
    /// Ended and not recorded.
    pub(super) unrecorded: usize,
    /// How long a run takes on average, once known.
    pub(super) mean_run: Option<Duration>,
}

impl Load {
    /// How many jobs to hold beyond those that run.
    fn ahead(&self) -> usize {
        self.mean_run.map_or(0, |mean| {
            let runs = AHEAD.as_nanos() / mean.as_nanos().max(1);
            let runs = usize::try_from(runs).unwrap_or(MOST_AHEAD);
            runs.saturating_mul(self.concurrency).min(MOST_AHEAD)
        })
    }
}

/// How many jobs to claim now. Quick jobs are claimed far ahead, slow ones as slots come free.
pub(super) fn want(load: Load) -> usize {
    let ahead = load.ahead();
    if load.unrecorded > MOST_UNRECORDED || load.in_hand > load.concurrency + ahead / 2 {
        return 0;
    }
    (load.concurrency + ahead - load.in_hand).min(MOST_CLAIMED)
}

/// How many jobs to claim now of lanes that have just found some, though others fill the buffer.
pub(super) fn want_first(load: Load) -> usize {
    if load.unrecorded > MOST_UNRECORDED {
        return 0;
    }
    // Slow jobs are not hoarded for anybody.
    let (ahead, spare) = (load.ahead(), SPARE.min(load.ahead()));
    (load.concurrency + ahead + spare).saturating_sub(load.in_hand).min(SPARE)
}

/// The largest power of two within `want`, as its exponent: each limit is a statement of its own.
pub(super) fn limit_log2(want: usize) -> usize {
    want.clamp(1, MOST_CLAIMED).ilog2() as usize
}

/// The mean of runs, in which the last twenty or so count.
pub(super) fn mean_after(mean: Option<Duration>, run: Duration) -> Duration {
    mean.map_or(run, |mean| (mean * 19 + run) / 20)
}

/// Waits between empty fetches, which grow from `least` to `most`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Polling {
    least: Duration,
    most: Duration,
    next: Duration,
}

impl Polling {
    pub(super) fn new(least: Duration, most: Duration) -> Self {
        Self { least, most: most.max(least), next: least }
    }

    /// There was something to do: look again soon.
    pub(super) fn reset(&mut self) {
        self.next = self.least;
    }

    /// The next wait; up to a fifth shorter at random, so that workers do not poll in step.
    pub(super) fn wait(&mut self, random: f64) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.most);
        wait.mul_f64(1.0 - 0.2 * random.clamp(0.0, 1.0))
    }
}

/// For each priority the id below which nothing is left.
pub(super) fn advance(marks: &mut [Uuid; PRIORITIES], claimed: &[Claimed]) {
    for job in claimed {
        let index = usize::try_from(job.priority).unwrap_or(1).clamp(1, PRIORITIES) - 1;
        marks[index] = marks[index].max(job.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load(in_hand: usize, mean_run: Option<Duration>) -> Load {
        Load { concurrency: 32, in_hand, unrecorded: 0, mean_run }
    }

    #[test]
    fn a_new_worker_claims_its_slots() {
        assert_eq!(want(load(0, None)), 32);
        assert_eq!(want(load(32, None)), 0);
    }

    #[test]
    fn quick_jobs_are_claimed_far_ahead_and_slow_ones_by_the_slot() {
        assert_eq!(want(load(32, Some(Duration::from_micros(1)))), MOST_CLAIMED);
        assert_eq!(want(load(31, Some(Duration::from_secs(5)))), 1);
        assert_eq!(want(load(32, Some(Duration::from_secs(5)))), 0);
    }

    #[test]
    fn polling_slows_down_until_there_is_something_to_do() {
        let mut polling = Polling::new(Duration::from_millis(50), Duration::from_secs(2));
        let waits: Vec<_> = (0..8).map(|_| polling.wait(0.0).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        polling.reset();
        assert_eq!(polling.wait(1.0), Duration::from_millis(40));
    }

    proptest! {
        #[test]
        fn what_is_in_hand_is_bounded(
            concurrency in 1usize..10_000, in_hand in 0usize..20_000, unrecorded in 0usize..10_000, nanos: u64,
        ) {
            let mean_run = Some(Duration::from_nanos(nanos));
            let want = want(Load { concurrency, in_hand, unrecorded, mean_run });
            prop_assert!(want <= MOST_CLAIMED);
            prop_assert!(want == 0 || in_hand + want <= concurrency + MOST_AHEAD);
            prop_assert!(1 << limit_log2(want) <= want.max(1));
            let first = want_first(Load { concurrency, in_hand, unrecorded, mean_run });
            prop_assert!(first == 0 || in_hand + first <= concurrency + MOST_AHEAD + SPARE);
        }
    }
}
