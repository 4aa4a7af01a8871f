use saas_core::sql::Statements;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Ticket;
use crate::store::{QueueConnection, Taking};
use crate::{Error, JobContext};

/// A part of a job that is taken once, however often the job is attempted.
#[derive(Debug)]
#[must_use]
pub enum Step<'a, T> {
    /// An earlier attempt took it, and this is what it came to.
    Taken(T),
    /// It is to be taken now.
    Open(OpenStep<'a>),
}

/// A step to be taken: do its work in the transaction, then [`record`](Self::record) it there.
#[derive(Debug)]
#[must_use = "record the step in the transaction that does its work"]
pub struct OpenStep<'a> {
    ticket: &'a Ticket,
    name: &'a str,
}

impl<'a, C> JobContext<'a, C> {
    /// Looks up a step of this job by its name, which no other step of the job has. What a step
    /// writes and what it came to are in one transaction: a later attempt finds both or neither.
    ///
    /// ```
    /// # use saas_jobs::{Job, JobContext, JobResult, Outcome, Run, Step};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Renew { account: i64 }
    /// # impl Job for Renew { const KIND: &'static str = "renew"; }
    /// # async fn send_receipt(_: i64) -> Result<(), std::io::Error> { Ok(()) }
    /// # #[cfg(feature = "sqlite")]
    /// impl Run<sqlx::SqlitePool> for Renew {
    ///     async fn run(self, cx: JobContext<'_, sqlx::SqlitePool>) -> JobResult {
    ///         let mut tx = cx.context().begin().await?;
    ///         let invoice: i64 = match cx.step(&mut *tx, "invoice").await? {
    ///             Step::Taken(invoice) => invoice,
    ///             Step::Open(step) => {
    ///                 let invoice = sqlx::query_scalar("insert into invoices (account) values (?) returning id")
    ///                     .bind(self.account)
    ///                     .fetch_one(&mut *tx)
    ///                     .await?;
    ///                 step.record(&mut *tx, &invoice).await?;
    ///                 invoice
    ///             }
    ///         };
    ///         tx.commit().await?;
    ///         send_receipt(invoice).await?;         // may fail: the next attempt has the same invoice
    ///         Ok(Outcome::done())
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Step`] if what it came to cannot be read as a `T`; [`Error::Database`].
    pub async fn step<T: DeserializeOwned>(
        &self,
        conn: &mut impl QueueConnection,
        name: &'a str,
    ) -> Result<Step<'a, T>, Error> {
        let ticket = self.ticket();
        let taken = match ticket.lease {
            Some(_) => conn.job_step(ticket.info.id.uuid(), name, ticket.statements).await?,
            None => None,
        };
        let Some(result) = taken else { return Ok(Step::Open(OpenStep { ticket, name })) };
        let taken = serde_json::from_str(&result);
        taken.map(Step::Taken).map_err(|source| Error::Step { name: name.to_owned(), source })
    }
}

impl OpenStep<'_> {
    /// Records what the step came to, in the transaction of its work.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`] if another worker may have the job by now: that transaction cannot commit
    /// any more. [`Error::Step`] if the result does not serialize.
    pub async fn record<T: Serialize + Sync>(
        self,
        conn: &mut impl QueueConnection,
        result: &T,
    ) -> Result<(), Error> {
        let Self { ticket, name } = self;
        let result = serde_json::to_string(result)
            .map_err(|source| Error::Step { name: name.to_owned(), source })?;
        let Some(lease) = &ticket.lease else { return Ok(()) };
        let job = ticket.info.id;
        let taking = Taking {
            lease: lease.id,
            job: job.uuid(),
            name,
            result: &result,
            now: ticket.clock.now(),
        };
        let how: Statements = ticket.statements;
        match conn.take_job_step(&taking, how).await? {
            true => Ok(()),
            false => Err(Error::LeaseLost { job }),
        }
    }
}
