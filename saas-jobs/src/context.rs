use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use saas_core::sql::Statements;
use saas_core::{Clock, TenantId};
use tokio::sync::watch;

use crate::store::QueueConnection;
use crate::worker::Lease;
use crate::{Error, JobId, JobInfo, Receipt};

/// What a handler is given: whose job it is, which attempt, the worker's context, and the way to
/// complete the job in the handler's own transaction.
#[derive(Debug)]
pub struct JobContext<'a, C> {
    context: &'a C,
    ticket: &'a Ticket,
}

/// One run of one job.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) info: JobInfo,
    /// `None` where a test runs the job without a worker: then nothing is recorded.
    pub(crate) lease: Option<Arc<Lease>>,
    pub(crate) statements: Statements,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stop: watch::Receiver<bool>,
    /// Whether a transaction of the handler may have completed the job.
    pub(crate) touched: AtomicBool,
}

impl<'a, C> JobContext<'a, C> {
    pub(crate) fn new(context: &'a C, ticket: &'a Ticket) -> Self {
        Self { context, ticket }
    }

    pub(crate) fn ticket(&self) -> &'a Ticket {
        self.ticket
    }

    /// What the worker was given: pools, clients, settings.
    pub fn context(&self) -> &'a C {
        self.context
    }

    /// The job's id.
    pub fn job_id(&self) -> JobId {
        self.ticket.info.id
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u16 {
        self.ticket.info.attempt
    }

    /// Whether the job is dead if this attempt fails.
    pub fn is_last_attempt(&self) -> bool {
        self.attempt() >= self.ticket.info.max_attempts
    }

    /// Whose job it is, as it was enqueued. Bind it before touching a tenant's data.
    pub fn tenant(&self) -> Option<TenantId> {
        self.ticket.info.tenant
    }

    /// The trace it was enqueued in, as [`Options::trace`](crate::Options::trace) was told; a field
    /// of the run's span too.
    pub fn trace(&self) -> Option<&'a str> {
        self.ticket.info.trace.as_deref()
    }

    /// All that is known of the job beside its arguments.
    pub fn info(&self) -> &'a JobInfo {
        &self.ticket.info
    }

    /// Resolves when the handler should come to an end: the worker is stopping, or has lost its
    /// lease, so another may run the job. A long handler waits for it beside its work and returns
    /// an `Err` or a [`snooze`](crate::Outcome::snooze).
    pub async fn cancelled(&self) {
        let mut stop = self.ticket.stop.clone();
        let lapsed = async {
            match &self.ticket.lease {
                Some(lease) => drop(lease.epoch.lapsed().wait_for(|lapsed| *lapsed).await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // An error means that the worker is gone, which is an end too.
            _ = stop.wait_for(|stop| *stop) => {}
            () = lapsed => {}
        }
    }

    /// Whether [`cancelled`](Self::cancelled) would resolve now.
    pub fn is_cancelled(&self) -> bool {
        *self.ticket.stop.borrow()
            || self.ticket.lease.as_ref().is_some_and(|lease| *lease.epoch.lapsed().borrow())
    }

    /// Completes the job in the handler's own transaction: the job is done if and only if that
    /// transaction commits, together with everything else in it. Commit, then return
    /// [`Outcome::completed`](crate::Outcome::completed) with the receipt.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`] if another worker may have the job by now, or this run has completed it
    /// before. That transaction cannot commit any more: PostgreSQL turns its COMMIT into a ROLLBACK,
    /// SQLite refuses it (by a foreign key; sqlx enforces them unless told otherwise). A rollback to
    /// a savepoint from before would undo that on PostgreSQL: call it outside of savepoints.
    ///
    /// ```
    /// # use saas_jobs::{Job, JobContext, JobResult, Outcome, Run};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Charge { account: i64, minor: i64 }
    /// # impl Job for Charge { const KIND: &'static str = "charge"; }
    /// # #[cfg(feature = "sqlite")]
    /// impl Run<sqlx::SqlitePool> for Charge {
    ///     async fn run(self, cx: JobContext<'_, sqlx::SqlitePool>) -> JobResult {
    ///         let mut tx = cx.context().begin().await?;
    ///         sqlx::query("update accounts set minor = minor - ? where id = ?")
    ///             .bind(self.minor)
    ///             .bind(self.account)
    ///             .execute(&mut *tx)
    ///             .await?;
    ///         let receipt = cx.complete(&mut *tx).await?;
    ///         tx.commit().await?;
    ///         Ok(Outcome::completed(receipt))
    ///     }
    /// }
    /// ```
    pub async fn complete(&self, conn: &mut impl QueueConnection) -> Result<Receipt, Error> {
        let Ticket { ref info, ref lease, ref clock, statements, .. } = *self.ticket;
        let job = info.id;
        let Some(lease) = lease else { return Ok(Receipt { job }) };
        // Before the statement, since this future may be dropped while it is on its way.
        self.ticket.touched.store(true, Ordering::Release);
        match conn.complete_job(lease.id, job.uuid(), clock.now(), statements).await? {
            true => Ok(Receipt { job }),
            false => Err(Error::LeaseLost { job }),
        }
    }
}
