//! What becomes of a job after a run: pure policy.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::Policy;
use crate::options::after;
use crate::outcome::Verdict;

/// How long a job waits that this worker cannot run, for one that can.
const UNKNOWN_WAIT: Duration = Duration::from_secs(15);

/// How a run came to its end.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The handler returned.
    Returned(Verdict),
    /// The handler returned an error, panicked, or took too long.
    Failed(String),
    /// The stored arguments cannot be read.
    Malformed(String),
    /// No handler here knows the kind, or its version of arguments.
    Unknown,
    /// It was claimed and never begun.
    Unstarted,
    /// It was begun and not ended: the worker stopped, or died.
    Abandoned(String),
}

/// Which attempt it was, and how many there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempts {
    /// Attempts that were counted before this run.
    pub(crate) before: u16,
    /// After how many the job is dead.
    pub(crate) max: u16,
}

/// What becomes of the job.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Settlement {
    Done,
    Ready { attempt: u16, error: Option<String> },
    Later { attempt: u16, run_at: DateTime<Utc>, error: Option<String> },
    Dead { attempt: u16, reason: String, error: Option<String> },
    Cancelled { attempt: u16, reason: String },
}

impl Settlement {
    /// The outcome's name in logs and metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Ready { .. } => "returned",
            Self::Later { error: Some(_), .. } => "retry",
            Self::Later { error: None, .. } => "snoozed",
            Self::Dead { .. } => "dead",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}

/// Decides what becomes of a job. `random` is from 0 to 1.
pub(crate) fn settle(
    ending: Ending,
    attempts: Attempts,
    policy: &Policy,
    now: DateTime<Utc>,
    random: f64,
) -> Settlement {
    let Attempts { before, max } = attempts;
    let attempt = before.saturating_add(1);
    let retry = |error: String, wait: Option<Duration>| {
        if attempt >= max {
            return Settlement::Dead { attempt, reason: error.clone(), error: Some(error) };
        }
        let wait = wait.unwrap_or_else(|| policy.backoff.wait(attempt, random));
        Settlement::Later { attempt, run_at: after(now, wait), error: Some(error) }
    };
    match ending {
        Ending::Returned(Verdict::Done | Verdict::Completed(_)) => Settlement::Done,
        Ending::Returned(Verdict::Retry { error, after }) => retry(error, after),
        Ending::Failed(error) => retry(error, None),
        Ending::Returned(Verdict::Snooze(wait)) => {
            Settlement::Later { attempt: before, run_at: after(now, wait), error: None }
        }
        Ending::Returned(Verdict::Cancel(reason)) => Settlement::Cancelled { attempt, reason },
        Ending::Returned(Verdict::Dead(reason)) | Ending::Malformed(reason) => {
            Settlement::Dead { attempt, error: Some(reason.clone()), reason }
        }
        Ending::Unknown => {
            let wait = UNKNOWN_WAIT.mul_f64(1.0 + random.clamp(0.0, 1.0));
            Settlement::Later { attempt: before, run_at: after(now, wait), error: None }
        }
        Ending::Unstarted => Settlement::Ready { attempt: before, error: None },
        Ending::Abandoned(error) if attempt >= max => {
            Settlement::Dead { attempt, reason: error.clone(), error: Some(error) }
        }
        Ending::Abandoned(error) => Settlement::Ready { attempt, error: Some(error) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backoff, Outcome};
    use proptest::prelude::*;

    fn now() -> DateTime<Utc> {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn settled(ending: Ending, before: u16, max: u16) -> Settlement {
        let policy = Policy::new().backoff(Backoff::new(Duration::from_secs(1)).jitter(0.0));
        settle(ending, Attempts { before, max }, &policy, now(), 0.5)
    }

    #[test]
    fn a_failure_is_retried_until_attempts_run_out() {
        let later = settled(Ending::Failed("no".into()), 1, 3);
        let run_at = now() + chrono::TimeDelta::seconds(2);
        assert_eq!(later, Settlement::Later { attempt: 2, run_at, error: Some("no".into()) });
        assert_eq!(settled(Ending::Failed("no".into()), 2, 3).name(), "dead");
    }

    #[test]
    fn a_snooze_and_an_unstarted_job_burn_no_attempt() {
        let snooze = settled(Ending::Returned(Outcome::snooze(Duration::ZERO).0), 2, 3);
        assert!(matches!(snooze, Settlement::Later { attempt: 2, error: None, .. }));
        let unstarted = settled(Ending::Unstarted, 2, 3);
        assert_eq!(unstarted, Settlement::Ready { attempt: 2, error: None });
    }

    #[test]
    fn an_abandoned_job_burns_one() {
        assert!(matches!(
            settled(Ending::Abandoned("x".into()), 0, 3),
            Settlement::Ready { attempt: 1, .. }
        ));
        assert_eq!(settled(Ending::Abandoned("x".into()), 2, 3).name(), "dead");
    }

    proptest! {
        #[test]
        fn no_failure_is_tried_beyond_the_last_attempt(before in 0u16..100, max in 1u16..100, abandoned: bool) {
            let ending = if abandoned { Ending::Abandoned("x".into()) } else { Ending::Failed("x".into()) };
            let dead = matches!(settled(ending, before, max), Settlement::Dead { .. });
            prop_assert_eq!(dead, before + 1 >= max);
        }
    }
}
