//! What is to be fired now: pure policy.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::when::When;

/// How late a run may be that nothing has superseded, before [`Missed::Skip`] leaves it out: longer
/// than it takes another worker to notice that the one that fired has died.
const TOLERANCE: TimeDelta = TimeDelta::seconds(60);

/// The most runs that are caught up with.
const MOST: u16 = 1000;

/// What becomes of runs whose time passed while no worker was there to fire them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum Missed {
    /// They are left out. The latest is not missed until it is a minute late.
    #[default]
    Skip,
    /// One run stands for all of them, at the time of the latest.
    Coalesce,
    /// The latest so many are run, each as of its own time, at most 1,000. One is as good as
    /// [`Coalesce`](Self::Coalesce).
    CatchUp(u16),
}

impl Missed {
    /// How many of those that are due are run: as it is stored, with 0 for what is left out.
    pub(crate) fn stored(self) -> i16 {
        match self {
            Self::Skip => 0,
            Self::Coalesce => 1,
            Self::CatchUp(runs) => runs.clamp(1, MOST).cast_signed(),
        }
    }

    /// The reverse.
    #[cfg(any(test, feature = "postgres", feature = "sqlite"))]
    pub(crate) fn from_stored(stored: i16) -> Self {
        match u16::try_from(stored) {
            Err(_) | Ok(0) => Self::Skip,
            Ok(1) => Self::Coalesce,
            Ok(runs) => Self::CatchUp(runs),
        }
    }
}

/// What to fire, and when to look again.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    /// Oldest first.
    pub(crate) fire: Vec<DateTime<Utc>>,
    /// `None` if there is no other time.
    pub(crate) next: Option<DateTime<Utc>>,
    /// Whether some that were due are not fired.
    pub(crate) left_out: bool,
}

/// Decides on what has become due from `due` on, now.
pub(crate) fn plan(when: &When, missed: Missed, due: DateTime<Utc>, now: DateTime<Utc>) -> Plan {
    let most = usize::from(missed.stored().max(1).unsigned_abs());
    let mut fire = latest(when, due, now, most);
    if missed == Missed::Skip {
        fire.retain(|moment| now - *moment <= TOLERANCE);
    }
    let left_out = fire.front().is_none_or(|first| *first > due);
    Plan { fire: fire.into(), next: when.next(now), left_out }
}

/// The latest moments from `due` to `now`. Looks back no further than it must: a second's schedule
/// that nobody served for a year has had thirty million.
fn latest(
    when: &When,
    due: DateTime<Utc>,
    now: DateTime<Utc>,
    most: usize,
) -> VecDeque<DateTime<Utc>> {
    let mut back = TimeDelta::minutes(1);
    loop {
        let from = now.checked_sub_signed(back).map_or(due, |from| from.max(due));
        let mut moments = VecDeque::new();
        let mut moment = when.next(from - TimeDelta::seconds(1));
        while let Some(at) = moment.filter(|at| *at <= now) {
            if moments.len() == most {
                moments.pop_front();
            }
            moments.push_back(at);
            moment = when.next(at);
        }
        if moments.len() == most || from == due {
            return moments;
        }
        back = back.checked_mul(4).unwrap_or(TimeDelta::MAX);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn planned(expression: &str, missed: Missed, due: &str, now: &str) -> Plan {
        plan(&When::parse(expression, "UTC").unwrap(), missed, at(due), at(now))
    }

    #[test]
    fn a_run_that_is_a_little_late_is_not_missed() {
        for missed in [Missed::Skip, Missed::Coalesce, Missed::CatchUp(5)] {
            let plan = planned("0 9 * * *", missed, "2026-01-01T09:00:00Z", "2026-01-01T09:01:00Z");
            let fire = vec![at("2026-01-01T09:00:00Z")];
            let next = Some(at("2026-01-02T09:00:00Z"));
            assert_eq!(plan, Plan { fire, next, left_out: false });
        }
    }

    #[test]
    fn what_was_missed_is_skipped_coalesced_or_caught_up_with() {
        let missed =
            |missed| planned("0 9 * * *", missed, "2026-01-01T09:00:00Z", "2026-01-05T12:00:00Z");
        let day = |day: u32| at(&format!("2026-01-0{day}T09:00:00Z"));
        let next = Some(day(6));
        let plan = |fire, left_out| Plan { fire, next, left_out };
        assert_eq!(missed(Missed::Skip), plan(vec![], true));
        assert_eq!(missed(Missed::Coalesce), plan(vec![day(5)], true));
        assert_eq!(missed(Missed::CatchUp(2)), plan(vec![day(4), day(5)], true));
        assert_eq!(missed(Missed::CatchUp(9)), plan((1..=5).map(day).collect(), false));
    }

    #[test]
    fn a_year_of_seconds_is_caught_up_with_at_once() {
        let missed = Missed::CatchUp(u16::MAX);
        let plan = planned("* * * * * *", missed, "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z");
        assert_eq!(plan.fire.len(), 1000);
        assert_eq!(plan.fire[999], at("2026-01-01T00:00:00Z"));
    }

    #[test]
    fn a_time_that_the_expression_no_longer_has_is_left_out() {
        let plan =
            planned("0 9 * * *", Missed::Skip, "2026-01-01T08:00:00Z", "2026-01-01T08:00:01Z");
        assert_eq!((plan.fire.len(), plan.next), (0, Some(at("2026-01-01T09:00:00Z"))));
    }

    #[test]
    fn a_policy_survives_being_stored() {
        for missed in [Missed::Skip, Missed::Coalesce, Missed::CatchUp(7), Missed::CatchUp(1000)] {
            assert_eq!(Missed::from_stored(missed.stored()), missed);
        }
        assert_eq!(Missed::from_stored(Missed::CatchUp(0).stored()), Missed::Coalesce);
    }

    proptest! {
        // However the time since is cut into passes, all of them together fire each moment once.
        #[test]
        fn passes_fire_what_is_due_once_and_in_order(
            expression in super::super::when::tests::expression(),
            zone in super::super::when::tests::zone(),
            start in 1_767_225_600_i64..1_798_761_600,
            steps in prop::collection::vec(1_i64..20_000, 1..8),
        ) {
            let when = When::parse(&expression, zone).unwrap();
            let mut now = DateTime::from_timestamp(start, 0).unwrap();
            let mut due = when.next(now);
            let (mut fired, mut expected) = (Vec::new(), Vec::new());
            for step in steps {
                now += TimeDelta::seconds(step);
                if let Some(moment) = due.filter(|due| *due <= now) {
                    let all = std::iter::successors(Some(moment), |at| when.next(*at));
                    let all: Vec<_> = all.take_while(|at| *at <= now).collect();
                    let plan = plan(&when, Missed::CatchUp(50), moment, now);
                    prop_assert_eq!(plan.left_out, all.len() > 50);
                    expected.extend_from_slice(&all[all.len().saturating_sub(50)..]);
                    fired.extend(plan.fire);
                    due = plan.next;
                }
            }
            prop_assert!(fired.is_sorted_by(|one, other| one < other));
            prop_assert_eq!(fired, expected);
        }
    }
}
