use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use saas_core::sql::Statements;
use saas_core::{Clock, TenantId};
use tokio::sync::watch;

use crate::settle::Attempts;
use crate::store::QueueConnection;
use crate::worker::Lease;
use crate::{Error, JobId, Receipt};

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
    pub(crate) id: JobId,
    pub(crate) lease: Arc<Lease>,
    pub(crate) attempts: Attempts,
    pub(crate) tenant: Option<TenantId>,
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
        self.ticket.id
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u16 {
        self.ticket.attempts.before.saturating_add(1)
    }

    /// Whether the job is dead if this attempt fails.
    pub fn is_last_attempt(&self) -> bool {
        self.attempt() >= self.ticket.attempts.max
    }

    /// Whose job it is, as it was enqueued. Bind it before touching a tenant's data.
    pub fn tenant(&self) -> Option<TenantId> {
        self.ticket.tenant
    }

    /// Resolves when the handler should come to an end: the worker is stopping, or has lost its
    /// lease, so another may run the job. A long handler waits for it beside its work and returns
    /// an `Err` or a [`snooze`](crate::Outcome::snooze).
    pub async fn cancelled(&self) {
        let mut stop = self.ticket.stop.clone();
        let mut lapsed = self.ticket.lease.epoch.lapsed();
        tokio::select! {
            // An error means that the worker is gone, which is an end too.
            _ = stop.wait_for(|stop| *stop) => {}
            _ = lapsed.wait_for(|lapsed| *lapsed) => {}
        }
    }

    /// Whether [`cancelled`](Self::cancelled) would resolve now.
    pub fn is_cancelled(&self) -> bool {
        *self.ticket.stop.borrow() || *self.ticket.lease.epoch.lapsed().borrow()
    }

    /// Completes the job in the handler's own transaction: the job is done if and only if that
    /// transaction commits, together with everything else in it. Commit, then return
    /// [`Outcome::completed`](crate::Outcome::completed) with the receipt.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`] if another worker may have the job by now. That transaction cannot
    /// commit any more: PostgreSQL turns its COMMIT into a ROLLBACK, SQLite refuses it (by a
    /// foreign key; sqlx enforces them unless told otherwise).
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
        let Ticket { id: job, ref lease, ref clock, statements, .. } = *self.ticket;
        // Before the statement, since this future may be dropped while it is on its way.
        self.ticket.touched.store(true, Ordering::Release);
        match conn.complete_job(lease.id, job.uuid(), clock.now(), statements).await? {
            true => Ok(Receipt { job }),
            false => Err(Error::LeaseLost { job }),
        }
    }
}
