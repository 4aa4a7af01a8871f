//! A job that does what the test tells it, one order after the other.

use std::time::Duration;

use saas_core::TenantId;
use saas_core::sql::Statements;
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, Transaction};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::command::End;
use crate::{
    Backend, Backoff, Error, Job, JobContext, JobResult, Outcome, Policy, Receipt, Run, Step,
};

/// What the wait is after the first failed attempt; it doubles.
pub(super) const BACKOFF: u64 = 10;

#[derive(Serialize, Deserialize)]
pub(super) struct Scripted {
    pub(super) number: u32,
}

impl Job for Scripted {
    const KIND: &'static str = "scripted";
    fn policy() -> Policy {
        let backoff = Backoff::new(Duration::from_secs(BACKOFF)).jitter(0.0);
        Policy::new().backoff(backoff).no_timeout()
    }
}

/// The context of a worker's handlers: where they say that they have begun.
pub(super) struct Stage<DB: Backend> {
    pub(super) begun: mpsc::UnboundedSender<Begun<DB>>,
    pub(super) how: Statements,
}

/// A handler that waits for its first order, and what it sees.
pub(super) struct Begun<DB: Backend> {
    pub(super) seen: Seen,
    pub(super) orders: mpsc::UnboundedSender<Order<DB>>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) job: Uuid,
    pub(super) attempt: u16,
    pub(super) tenant: Option<TenantId>,
    pub(super) number: u32,
}

/// A transaction in the handler's hands comes back with the answer.
pub(super) enum Order<DB: Backend> {
    Complete(Opened<DB>, oneshot::Sender<(Opened<DB>, bool)>),
    Step(Opened<DB>, oneshot::Sender<(Opened<DB>, Stepped)>),
    End(End),
}

pub(super) type Opened<DB> = Transaction<'static, DB>;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stepped {
    Before,
    Now,
    Lost,
}

impl<DB: Backend> Run<Stage<DB>> for Scripted {
    async fn run(self, cx: JobContext<'_, Stage<DB>>) -> JobResult {
        let (orders, mut told) = mpsc::unbounded_channel();
        let seen = Seen {
            job: cx.job_id().uuid(),
            attempt: cx.attempt(),
            tenant: cx.tenant(),
            number: self.number,
        };
        let _ = cx.context().begun.send(Begun { seen, orders });
        let mut receipt = None;
        loop {
            match told.recv().await.ok_or("nobody is left to tell it anything")? {
                Order::Complete(mut tx, answer) => {
                    effect::<DB>(&mut tx, &cx, "completed").await?;
                    receipt = held(cx.complete(&mut *tx).await)?;
                    let _ = answer.send((tx, receipt.is_some()));
                }
                Order::Step(mut tx, answer) => {
                    let stepped = match cx.step::<u32>(&mut *tx, "step").await? {
                        Step::Taken(_) => Stepped::Before,
                        Step::Open(step) => {
                            effect::<DB>(&mut tx, &cx, "stepped").await?;
                            let recorded = step.record(&mut *tx, &self.number).await;
                            held(recorded)?.map_or(Stepped::Lost, |()| Stepped::Now)
                        }
                    };
                    let _ = answer.send((tx, stepped));
                }
                Order::End(end) => return result(end, receipt),
            }
        }
    }
}

/// `None` if the lease was lost.
fn held<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Err(Error::LeaseLost { .. }) => Ok(None),
        answer => answer.map(Some),
    }
}

fn result(end: End, receipt: Option<Receipt>) -> JobResult {
    Ok(match end {
        End::Done => receipt.map_or_else(Outcome::done, Outcome::completed),
        End::Fail => return Err("it is broken".into()),
        // Without the hook that prints.
        End::Panic => std::panic::resume_unwind(Box::new("out of order")),
        End::RetryIn(seconds) => Outcome::retry_in(Duration::from_secs(seconds), "not yet"),
        End::Snooze(seconds) => Outcome::snooze(Duration::from_secs(seconds)),
        End::Cancel => Outcome::cancel("nobody wants it"),
        End::Dead => Outcome::dead("it makes no sense"),
    })
}

/// Something of the application's, in the same transaction.
async fn effect<DB: Backend>(
    conn: &mut DB::Connection,
    cx: &JobContext<'_, Stage<DB>>,
    note: &str,
) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<DB>::new("insert into effects (job, note) values (");
    DB::push_bind(&mut query, &cx.job_id().uuid().simple().to_string());
    query.push(", ");
    DB::push_bind(&mut query, &note.to_owned());
    query.push(")");
    DB::execute(conn, query, cx.context().how).await.map(drop)
}
