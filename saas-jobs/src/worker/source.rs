//! Where in a queue to claim next, in plain values.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::lanes::{Lanes, Pick};
use super::pace;
use crate::store::{Claimed, MOST_LANES, PRIORITIES, SOME_LANES_LOG2, Turn};

/// How long claims are kept to the index after a slow one; it costs them two round trips.
const STEER: Duration = Duration::from_secs(60);

/// How often a busy worker looks for further lanes: what lies between two looks is so many times
/// what one takes, within these bounds.
const LOOK: Rest = Rest(20, Duration::from_millis(50), Duration::from_secs(5));

/// The same when it is told that there is something to do.
const LOOK_TOLD: Rest = Rest(4, Duration::from_millis(2), Duration::from_secs(1));

struct Rest(u32, Duration, Duration);

/// A queue, its lanes, and where in the one that is served alone to begin.
pub(super) struct Source {
    queue: String,
    lanes: Lanes,
    marks: (i32, [Uuid; PRIORITIES]),
    /// When the marks were set back.
    scanned: Instant,
    /// When lanes were looked for, if that is to be minded, how long it took, and behind which lane to
    /// go on.
    looked: Option<Instant>,
    took: Duration,
    cursor: i32,
    slow: Option<Instant>,
    /// Whether another claim may find jobs, as far as the last one tells.
    more: bool,
}

/// A claim to be made.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) queue: String,
    pub(super) turn: Turn,
    pub(super) steered: bool,
    pick: Option<Pick>,
}

impl Ask {
    /// Whatever there is, for one who has asked nothing before.
    #[cfg(feature = "testing")]
    pub(super) fn some(queue: &str, most_log2: usize) -> Self {
        let turn = Turn::Some { most_log2 };
        Self { queue: queue.to_owned(), turn, steered: false, pick: None }
    }

    /// How many jobs may come of it.
    pub(super) fn most(&self) -> usize {
        match &self.turn {
            Turn::Lane { most_log2, .. } | Turn::Some { most_log2 } => 1 << most_log2,
            Turn::Each { lanes, most_log2 } => lanes.len() << most_log2,
        }
    }
}

impl Source {
    pub(super) fn new(queue: &str, now: Instant) -> Self {
        Self {
            queue: queue.to_owned(),
            lanes: Lanes::default(),
            marks: Default::default(),
            scanned: now,
            looked: None,
            took: Duration::ZERO,
            cursor: -1,
            slow: None,
            more: false,
        }
    }

    /// Whether there may be more jobs than were claimed.
    pub(super) fn has_more(&self) -> bool {
        self.more || !self.lanes.is_empty()
    }

    /// Whose turn it is.
    pub(super) fn ask(&mut self, want: usize, now: Instant) -> Ask {
        let pick = self.lanes.pick(want);
        self.ask_for(pick, want, now)
    }

    /// What to claim of lanes that have just found jobs, if there are any.
    pub(super) fn ask_first(&mut self, want: usize, now: Instant) -> Option<Ask> {
        let pick = self.lanes.pick_waiting(want)?;
        Some(self.ask_for(Some(pick), want, now))
    }

    fn ask_for(&mut self, pick: Option<Pick>, want: usize, now: Instant) -> Ask {
        let turn = match &pick {
            None => Turn::Some { most_log2: pace::limit_log2(want) },
            Some(Pick { lanes, each_log2 }) => match lanes[..] {
                [lane] => {
                    let marks = self.marks_of(lane, now);
                    Turn::Lane { lane, most_log2: *each_log2, marks }
                }
                _ => Turn::Each { lanes: lanes.clone(), most_log2: *each_log2 },
            },
        };
        let steered = self.slow.is_some_and(|slow| now.duration_since(slow) < STEER);
        Ask { queue: self.queue.clone(), turn, steered, pick }
    }

    fn marks_of(&mut self, lane: i32, now: Instant) -> [Uuid; PRIORITIES] {
        if self.marks.0 != lane || now.duration_since(self.scanned) > pace::RESCAN {
            (self.marks, self.scanned) = ((lane, Default::default()), now);
        }
        self.marks.1
    }

    /// What came of it, and when it began if it was slow.
    pub(super) fn answered(&mut self, ask: &Ask, jobs: &[Claimed], slow: Option<Instant>) {
        self.slow = slow.or(self.slow);
        if let Turn::Lane { lane, .. } = ask.turn
            && self.marks.0 == lane
        {
            match jobs.len() == ask.most() {
                true => pace::advance(&mut self.marks.1, jobs),
                false => self.marks.1 = Default::default(),
            }
        }
        if let Some(pick) = &ask.pick {
            self.lanes.served(pick, jobs.iter().map(|job| job.lane));
            // With the last lane gone there may be others that nobody has looked for.
            self.more = true;
        } else if let Turn::Some { most_log2 } = ask.turn {
            let mut counts = HashMap::new();
            for job in jobs {
                *counts.entry(job.lane).or_insert(0_usize) += 1;
            }
            // A lane that gave as much as was asked may have more, and so may the next one.
            let some = most_log2.min(SOME_LANES_LOG2);
            let full = counts.iter().filter(|(_, jobs)| **jobs >> (most_log2 - some) > 0);
            self.lanes.found(full.map(|(lane, _)| *lane));
            self.more = counts.len() == 1 << some;
            // Then these are the first in order, not those whose turn it is.
            if self.more {
                self.looked = None;
            }
        }
    }

    /// Whether it is too soon to look for lanes again. Without lanes, each claim looks for some.
    pub(super) fn rests(&self, told: bool, now: Instant) -> bool {
        let Rest(times, least, most) = if told { LOOK_TOLD } else { LOOK };
        let rest = (self.took * times).clamp(least, most);
        let looked_lately = self.looked.is_some_and(|looked| now.duration_since(looked) < rest);
        !self.lanes.is_empty() && looked_lately
    }

    /// The queue, and behind which lane to look for others, if it is time to.
    pub(super) fn look(&mut self, told: bool, now: Instant) -> Option<(String, i32)> {
        if self.lanes.is_empty() || self.rests(told, now) {
            return None;
        }
        self.looked = Some(now);
        Some((self.queue.clone(), self.cursor))
    }

    /// What was found, and how long that took.
    pub(super) fn looked(&mut self, lanes: &[i32], took: Duration) {
        self.took = took;
        let all = lanes.len() < MOST_LANES;
        // The lane of jobs without a tenant is found anyway; behind it no claimed entries are met.
        self.cursor = lanes.last().filter(|_| !all).copied().unwrap_or(if self.lanes.knows(0) {
            0
        } else {
            -1
        });
        self.lanes.found(lanes.iter().copied());
    }
}
