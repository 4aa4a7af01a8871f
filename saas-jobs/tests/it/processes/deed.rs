//! What worker processes do.

use std::path::PathBuf;
use std::time::Duration;

use saas_core::sql::Statements;
use saas_core::{Clock, SystemClock};
use saas_jobs::{
    Backend, Backoff, BoxError, Error, Job, JobContext, JobResult, Outcome, Policy, Run, Step,
};
use serde::{Deserialize, Serialize};
use sqlx::Pool;

use super::ledger::{Entry, Event, Pen};
use crate::site::{begin, effect};

/// A file in the folder, once held deeds may go on.
pub(super) const GATE: &str = "gate";

/// Has an effect in the transaction that completes it, noted by the queue's name.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Deed {
    Quick,
    /// After so many milliseconds.
    Slow(u64),
    /// Not in the first attempt.
    FailOnce,
    /// After a step that has an effect too, and a failure behind the step.
    Step,
    /// Once the gate is open.
    Held,
    /// Commits once the gate is open.
    HeldInCommit,
    /// Does not end in the first attempt.
    Endless,
    /// Has no effect.
    Nap(u64),
}

impl Job for Deed {
    const KIND: &'static str = "deed";
    fn policy() -> Policy {
        Policy::new().backoff(Backoff::constant(Duration::from_millis(200)))
    }
}

/// The context of the handler.
pub(super) struct Hands<DB: Backend> {
    pub(super) pool: Pool<DB>,
    pub(super) how: Statements,
    pub(super) queue: String,
    pub(super) folder: PathBuf,
    pub(super) pen: Pen,
}

impl<DB: Backend> Run<Hands<DB>> for Deed {
    async fn run(self, cx: JobContext<'_, Hands<DB>>) -> JobResult {
        let hands = cx.context();
        hands.write(&cx, Event::Begun);
        match self {
            Self::FailOnce if cx.attempt() == 1 => return Err("not the first time".into()),
            Self::Endless if cx.attempt() == 1 => std::future::pending().await,
            Self::Slow(millis) | Self::Nap(millis) => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
            }
            Self::Step => hands.step(&cx).await?,
            Self::Held => hands.gate().await,
            _ => {}
        }
        if matches!(self, Self::Nap(_)) {
            return Ok(Outcome::done());
        }
        let mut tx = hands.pool.begin().await?;
        effect::<DB>(&mut tx, cx.job_id(), &hands.queue, hands.how).await?;
        match cx.complete(&mut *tx).await {
            Ok(receipt) => {
                if self == Self::HeldInCommit {
                    hands.write(&cx, Event::Completed);
                    hands.gate().await;
                }
                tx.commit().await?;
                Ok(Outcome::completed(receipt))
            }
            Err(error) => {
                // A careless handler: the database must not let it.
                let _ = tx.commit().await;
                if matches!(error, Error::LeaseLost { .. }) {
                    hands.write(&cx, Event::Fenced);
                }
                Err(error.into())
            }
        }
    }
}

impl<DB: Backend> Hands<DB> {
    fn write(&self, cx: &JobContext<'_, Self>, event: Event) {
        let (job, process, at) = (cx.job_id(), std::process::id(), SystemClock.now());
        self.pen.write(Entry { event, job, process, at });
    }

    async fn gate(&self) {
        while !self.folder.join(GATE).exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Fails after it was taken in this attempt.
    async fn step(&self, cx: &JobContext<'_, Self>) -> Result<(), BoxError> {
        let mut tx = self.pool.begin_with(begin::<DB>()).await?;
        match cx.step::<u16>(&mut *tx, "first").await? {
            Step::Taken(attempt) if attempt < cx.attempt() => return Ok(()),
            Step::Taken(attempt) => return Err(format!("taken in attempt {attempt}").into()),
            Step::Open(step) => {
                effect::<DB>(&mut tx, cx.job_id(), &stepped(&self.queue), self.how).await?;
                step.record(&mut *tx, &cx.attempt()).await?;
            }
        }
        tx.commit().await?;
        Err("behind the step".into())
    }
}

/// The note of a step's effect.
pub(super) fn stepped(queue: &str) -> String {
    format!("{queue} step")
}
