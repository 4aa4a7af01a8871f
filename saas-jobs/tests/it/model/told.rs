//! A job that does something else in each attempt, and its handler.

use std::time::Duration;

use proptest::prelude::*;
use saas_core::sql::Statements;
use saas_jobs::{Backend, Backoff, Job, JobContext, JobResult, Outcome, Policy, Run};
use serde::{Deserialize, Serialize};
use sqlx::Pool;

use super::history::History;
use crate::site::{begin, effect};

/// Attempts beyond the last deed complete the job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) note: String,
    pub(super) deeds: Vec<Deed>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Deed {
    Done,
    /// In a transaction with an effect.
    Complete,
    CompleteAndFail,
    RollBack,
    Fail,
    Panic,
    Snooze,
    Cancel,
    Dead,
    /// Takes its time, then completes.
    Linger(u64),
    /// Stops its whole worker for longer than its lease, then completes as if nothing had happened.
    Freeze,
}

pub(super) fn deed() -> impl Strategy<Value = Deed> {
    use Deed::*;
    prop_oneof![
        3 => Just(Done),
        5 => Just(Complete),
        2 => Just(CompleteAndFail),
        2 => Just(RollBack),
        3 => Just(Fail),
        1 => Just(Panic),
        2 => Just(Snooze),
        1 => Just(Cancel),
        1 => Just(Dead),
        4 => (1..200_u64).prop_map(Linger),
        1 => Just(Freeze),
    ]
}

/// How long a worker may give no sign of life.
pub(super) const LEASE: Duration = Duration::from_secs(2);

/// The context of one worker's handlers.
pub(super) struct Hand<DB: Backend> {
    pub(super) number: usize,
    pub(super) pool: Pool<DB>,
    pub(super) history: History,
}

impl Job for Told {
    const KIND: &'static str = "told";
    fn policy() -> Policy {
        Policy::new().backoff(Backoff::constant(Duration::from_millis(50)))
    }
}

impl<DB: Backend> Run<Hand<DB>> for Told {
    async fn run(self, cx: JobContext<'_, Hand<DB>>) -> JobResult {
        let hand = cx.context();
        let _run = hand.history.begun(cx.job_id(), hand.number);
        let at = usize::from(cx.attempt()) - 1;
        match self.deeds.get(at).copied().unwrap_or(Deed::Complete) {
            Deed::Done => {
                hand.history.returned_done(cx.job_id());
                Ok(Outcome::done())
            }
            Deed::Complete => complete(&cx, &self.note, true).await,
            Deed::CompleteAndFail => {
                let _ = complete(&cx, &self.note, true).await?;
                Err("too late".into())
            }
            Deed::RollBack => complete(&cx, &self.note, false).await,
            Deed::Fail => Err("it is broken".into()),
            // Without the hook that prints.
            Deed::Panic => std::panic::resume_unwind(Box::new("out of order")),
            Deed::Snooze => {
                // Once, or it comes to no end: no attempt is counted.
                match hand.history.is_first_snooze(cx.job_id()) {
                    true => Ok(Outcome::snooze(Duration::from_millis(30))),
                    false => complete(&cx, &self.note, true).await,
                }
            }
            Deed::Cancel => Ok(Outcome::cancel("nobody wants it")),
            Deed::Dead => Ok(Outcome::dead("it makes no sense")),
            Deed::Linger(millis) => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                complete(&cx, &self.note, true).await
            }
            Deed::Freeze => {
                hand.history.falls_silent(hand.number);
                std::thread::sleep(LEASE + LEASE / 2);
                complete(&cx, &self.note, true).await
            }
        }
    }
}

/// Completes the job with an effect; a lost lease must not let it, whatever is done after.
async fn complete<DB: Backend>(
    cx: &JobContext<'_, Hand<DB>>,
    note: &str,
    commits: bool,
) -> JobResult {
    let mut tx = cx.context().pool.begin_with(begin::<DB>()).await?;
    effect::<DB>(&mut tx, cx.job_id(), note, Statements::Named).await?;
    match cx.complete(&mut *tx).await {
        Ok(receipt) if commits => {
            tx.commit().await?;
            Ok(Outcome::completed(receipt))
        }
        Ok(receipt) => {
            tx.rollback().await?;
            Ok(Outcome::completed(receipt))
        }
        Err(error) => {
            let _ = tx.commit().await;
            Err(error.into())
        }
    }
}
