use std::fmt::Display;
use std::time::Duration;

use crate::JobId;

/// How one run of a job ended. A handler returns it; an `Err` from a handler counts as
/// [`retry`](Outcome::retry).
#[derive(Debug, PartialEq)]
#[must_use]
pub struct Outcome(pub(crate) Verdict);

#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Done,
    Completed(Receipt),
    Retry { error: String, after: Option<Duration> },
    Snooze(Duration),
    Cancel(String),
    Dead(String),
}

impl Outcome {
    /// The job is done. The worker records it after the handler has returned, so a crash in
    /// between runs the job again.
    pub fn done() -> Self {
        Self(Verdict::Done)
    }

    /// The job is done, and was recorded so in the handler's own transaction by
    /// [`JobContext::complete`](crate::JobContext::complete).
    pub fn completed(receipt: Receipt) -> Self {
        Self(Verdict::Completed(receipt))
    }

    /// The attempt failed: try again after the kind's backoff, or the job is dead if this was its
    /// last attempt.
    pub fn retry(error: impl Display) -> Self {
        Self(Verdict::Retry { error: error.to_string(), after: None })
    }

    /// The attempt failed: try again after `wait`, or the job is dead if this was its last attempt.
    pub fn retry_in(wait: Duration, error: impl Display) -> Self {
        Self(Verdict::Retry { error: error.to_string(), after: Some(wait) })
    }

    /// Not yet: run it again after `wait`. No attempt is counted.
    pub fn snooze(wait: Duration) -> Self {
        Self(Verdict::Snooze(wait))
    }

    /// The job has become pointless: it ends as cancelled.
    pub fn cancel(reason: impl Display) -> Self {
        Self(Verdict::Cancel(reason.to_string()))
    }

    /// The job cannot succeed: it ends as dead, whatever attempts are left.
    pub fn dead(reason: impl Display) -> Self {
        Self(Verdict::Dead(reason.to_string()))
    }
}

impl Outcome {
    /// `done`, `completed`, `retry`, `snooze`, `cancel` or `dead`: for layers and their logs.
    pub fn name(&self) -> &'static str {
        match self.0 {
            Verdict::Done => "done",
            Verdict::Completed(_) => "completed",
            Verdict::Retry { .. } => "retry",
            Verdict::Snooze(_) => "snooze",
            Verdict::Cancel(_) => "cancel",
            Verdict::Dead(_) => "dead",
        }
    }
}

/// Proof that a job was completed in a transaction of its handler; only
/// [`JobContext::complete`](crate::JobContext::complete) makes one.
///
/// The worker believes the database, not the receipt: if the transaction did not commit, the
/// attempt has failed.
#[derive(Debug, PartialEq)]
#[must_use = "return it by `Outcome::completed` once the transaction is committed"]
pub struct Receipt {
    pub(crate) job: JobId,
}
