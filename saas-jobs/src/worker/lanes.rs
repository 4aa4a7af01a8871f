//! Whose turn it is: start-time fair queueing over lanes, in plain values.
//!
//! Each lane has a virtual time, which grows by each job that it is served; the lane with the lowest
//! is next. One that has just found jobs starts at the present, so it neither waits for the credit
//! of others nor has any of its own (P. Goyal, H. M. Vin, H. Cheng: Start-time Fair Queueing, 1996).

use std::collections::{BTreeSet, HashMap};

use crate::store::MOST_CLAIMED;

/// The most lanes that are served together: to find the jobs of each costs as much as four jobs.
const MOST_TOGETHER: usize = 128;

/// The lanes of one queue that a worker knows to have jobs.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// In the order of their turns.
    turns: BTreeSet<(u64, i32)>,
    /// Of lanes in `turns`, and of others that were served ahead of the present.
    times: HashMap<i32, u64>,
    present: u64,
}

/// Lanes that are served together, each with at most two to the power of `each_log2` jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pick {
    pub(super) lanes: Vec<i32>,
    pub(super) each_log2: usize,
}

impl Lanes {
    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    pub(super) fn knows(&self, lane: i32) -> bool {
        self.times.get(&lane).is_some_and(|time| self.turns.contains(&(*time, lane)))
    }

    /// Takes in lanes that have jobs.
    pub(super) fn found(&mut self, lanes: impl IntoIterator<Item = i32>) {
        for lane in lanes {
            let time = self.times.get(&lane).map_or(self.present, |time| self.present.max(*time));
            self.put(lane, time);
        }
    }

    /// Picks lanes for `want` jobs, at least one, and charges them at once, so that a second pick
    /// goes on where this one ends. `None` if no lane is known.
    pub(super) fn pick(&mut self, want: usize) -> Option<Pick> {
        let last = (u64::MAX, i32::MAX);
        self.pick_up_to(last, want)
    }

    /// The same among lanes that were not served since the last pick was: they have just found jobs,
    /// or are behind the others.
    pub(super) fn pick_waiting(&mut self, want: usize) -> Option<Pick> {
        self.pick_up_to((self.present, i32::MAX), want)
    }

    fn pick_up_to(&mut self, last: (u64, i32), want: usize) -> Option<Pick> {
        let want = want.clamp(1, MOST_CLAIMED);
        let lanes = self.turns.range(..=last).take(MOST_TOGETHER).count();
        let each_log2 = (want / lanes.max(1)).max(1).ilog2() as usize;
        let next = self.turns.range(..=last).take(want >> each_log2).take(lanes).copied();
        let picked: Vec<_> = next.collect();
        self.present = self.present.max(picked.first()?.0);
        for (time, lane) in &picked {
            self.turns.remove(&(*time, *lane));
            self.put(*lane, time.saturating_add(1 << each_log2));
        }
        Some(Pick { lanes: picked.into_iter().map(|(_, lane)| lane).collect(), each_log2 })
    }

    /// What a pick came to: gives back what was charged for jobs that were not there, and forgets
    /// lanes that had too few of them.
    pub(super) fn served(&mut self, pick: &Pick, claimed: impl IntoIterator<Item = i32>) {
        self.served_but(pick, claimed, &[]);
    }

    /// The same; lanes that are `blocked` have jobs which they may not begin. They stay charged, so that
    /// they are behind the others when they are found again.
    pub(super) fn served_but(
        &mut self,
        pick: &Pick,
        claimed: impl IntoIterator<Item = i32>,
        blocked: &[i32],
    ) {
        let each = 1_u64 << pick.each_log2;
        let mut jobs: HashMap<_, u64> = HashMap::with_capacity(pick.lanes.len());
        for lane in claimed {
            *jobs.entry(lane).or_default() += 1;
        }
        for lane in &pick.lanes {
            let short = each.saturating_sub(jobs.get(lane).copied().unwrap_or(0));
            if short == 0 {
                continue;
            }
            let Some(time) = self.times.remove(lane) else { continue };
            self.turns.remove(&(time, *lane));
            // Who comes back at once is not served before those who waited meanwhile.
            let short = if blocked.contains(lane) { 0 } else { short };
            let time = time.saturating_sub(short);
            if time > self.present {
                self.times.insert(*lane, time);
            }
        }
        self.forget();
    }

    /// No turn lies before the present, so who has one keeps it.
    fn put(&mut self, lane: i32, time: u64) {
        self.times.insert(lane, time);
        self.turns.insert((time, lane));
    }

    /// Lanes that left ahead of the present are remembered until it has caught up.
    fn forget(&mut self) {
        if self.times.len() > 2 * self.turns.len() + MOST_CLAIMED {
            let (present, turns) = (self.present, &self.turns);
            self.times.retain(|lane, time| *time > present || turns.contains(&(*time, *lane)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A queue to serve, by lane.
    fn serve(lanes: &mut Lanes, backlog: &mut HashMap<i32, usize>, want: usize) -> Vec<i32> {
        let Some(pick) = lanes.pick(want) else { return Vec::new() };
        let mut claimed = Vec::new();
        for lane in &pick.lanes {
            let left = backlog.entry(*lane).or_default();
            let taken = (*left).min(1 << pick.each_log2);
            *left -= taken;
            claimed.extend(std::iter::repeat_n(*lane, taken));
        }
        lanes.served(&pick, claimed.iter().copied());
        claimed
    }

    #[test]
    fn a_whale_does_not_keep_small_ones_waiting() {
        let mut backlog: HashMap<_, _> = (1..=1000).map(|lane| (lane, 10)).collect();
        backlog.insert(7_000, 290_000);
        let mut lanes = Lanes::default();
        lanes.found([7_000]);
        serve(&mut lanes, &mut backlog, 512);
        lanes.found(1..=1000);
        let mut starts = Vec::new();
        while starts.len() < 4000 {
            starts.extend(serve(&mut lanes, &mut backlog, 512));
        }
        let whale = starts[..4000].iter().filter(|lane| **lane == 7_000).count();
        assert!(whale <= 10, "{whale}");
    }

    #[test]
    fn a_lone_lane_is_served_in_full_and_twice_at_once() {
        let mut lanes = Lanes::default();
        lanes.found([5]);
        let whole = Pick { lanes: vec![5], each_log2: 9 };
        assert_eq!(lanes.pick(600), Some(whole.clone()));
        assert_eq!(lanes.pick(600), Some(whole));
    }

    #[test]
    fn who_has_just_found_jobs_waits_and_who_was_served_does_not() {
        let mut lanes = Lanes::default();
        lanes.found([5]);
        assert_eq!(lanes.pick(512).unwrap().lanes, [5]);
        assert_eq!(lanes.pick_waiting(64), None);
        lanes.found([6]);
        assert_eq!(lanes.pick_waiting(64).unwrap().lanes, [6]);
        assert_eq!(lanes.pick_waiting(64), None);
    }

    #[test]
    fn very_many_lanes_are_served_by_fours() {
        let mut lanes = Lanes::default();
        lanes.found(1..=1000);
        let pick = lanes.pick(512).unwrap();
        assert_eq!((pick.lanes.len(), pick.each_log2), (128, 2));
    }

    #[test]
    fn a_lane_that_ran_dry_is_forgotten_until_it_is_found_again() {
        let mut lanes = Lanes::default();
        lanes.found([5, 6]);
        let pick = lanes.pick(2).unwrap();
        assert_eq!(pick, Pick { lanes: vec![5, 6], each_log2: 0 });
        lanes.served(&pick, [6]);
        assert_eq!(lanes.pick(1).unwrap().lanes, [6]);
        lanes.found([5]);
        assert_eq!(lanes.pick(1).unwrap().lanes, [5]);
    }

    proptest! {
        #[test]
        fn lanes_with_jobs_get_the_same_within_a_batch(
            count in 1_usize..40, wants in prop::collection::vec(1_usize..512, 1..60),
        ) {
            let mut lanes = Lanes::default();
            lanes.found(0..i32::try_from(count).unwrap());
            let mut backlog: HashMap<_, _> =
                (0..i32::try_from(count).unwrap()).map(|lane| (lane, usize::MAX / 2)).collect();
            let mut served = vec![0_usize; count];
            let mut most = 0;
            for want in wants {
                let before = served.clone();
                for lane in serve(&mut lanes, &mut backlog, want) {
                    served[usize::try_from(lane).unwrap()] += 1;
                }
                most = most.max(served.iter().zip(before).map(|(now, then)| now - then).max().unwrap());
            }
            let (low, high) = (served.iter().min().unwrap(), served.iter().max().unwrap());
            prop_assert!(high - low <= 2 * most, "{low} {high} {most}");
        }

        #[test]
        fn nothing_is_left_behind(
            jobs in prop::collection::hash_map(0_i32..100, 1_usize..50, 1..60), want in 1_usize..512,
        ) {
            let mut lanes = Lanes::default();
            lanes.found(jobs.keys().copied());
            let mut backlog = jobs.clone();
            let mut total = 0;
            loop {
                while !lanes.is_empty() {
                    total += serve(&mut lanes, &mut backlog, want).len();
                }
                let left: Vec<_> =
                    backlog.iter().filter(|(_, left)| **left > 0).map(|(lane, _)| *lane).collect();
                if left.is_empty() {
                    break;
                }
                lanes.found(left);
            }
            prop_assert_eq!(total, jobs.values().sum::<usize>());
        }
    }
}
