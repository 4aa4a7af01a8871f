//! The far side of a relay: jobs come from a broker into the queue of another database.

use saas_core::TenantId;

use crate::queue::{DEFAULT_MAX_ATTEMPTS, DEFAULT_PRIORITY, DEFAULT_QUEUE};
use crate::store::{NewJobs, stored};
use crate::{Backend, Error, Options, Queue, Received};

impl<DB: Backend> Queue<DB> {
    /// Stores a job that came from a broker, once: brokers deliver again what was not acknowledged.
    /// Returns whether it is new. Commit, then acknowledge, either way.
    ///
    /// It runs as if it had been enqueued here, by a worker that knows its kind: its arguments are
    /// upcast, its tenant is bound, it is tried again, and what its handler does in the transaction
    /// that completes it happens once. Once for as long as the job is kept, so let
    /// [`Retention`](crate::Retention) keep what is done for longer than the broker delivers.
    ///
    /// Queue, priority, attempts, limit and time are as `options` say; tenant and trace are the
    /// message's. It comes from whoever may publish to that subject, who may name any tenant: check
    /// [`Received::tenant`] where they are not trusted with all of them.
    ///
    /// ```
    /// # use saas_jobs::{Backend, Error, Options, Queue, Received};
    /// # async fn example<DB: Backend>(
    /// #     queue: Queue<DB>, pool: sqlx::Pool<DB>, headers: Vec<(String, String)>, payload: String,
    /// # ) -> Result<(), Error> {
    /// let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    /// let job = Received::new(headers, payload)?;
    /// let mut tx = pool.begin().await?;
    /// queue.receive(&mut tx, job, Options::new()).await?;
    /// tx.commit().await?;
    /// queue.wake();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Name`] for a queue or limit that the database does not take.
    pub async fn receive(
        &self,
        conn: &mut DB::Connection,
        job: Received,
        options: Options,
    ) -> Result<bool, Error> {
        let options = options.checked()?;
        let queue = options.queue.clone().unwrap_or(DEFAULT_QUEUE.into()).into_owned();
        let lane = self.lane(conn, &queue, options.limit.as_deref(), job.tenant).await?;
        let new = NewJobs {
            kind: job.kind.into(),
            version: job.version,
            run_at: options.due(self.clock.now()),
            queue,
            priority: i16::from(options.priority.unwrap_or(DEFAULT_PRIORITY)),
            max_attempts: stored(options.max_attempts.unwrap_or(DEFAULT_MAX_ATTEMPTS)),
            tenant: job.tenant.map(TenantId::uuid),
            lane,
            trace: job.trace,
            jobs: vec![(job.id.uuid(), job.payload)],
            once: true,
        };
        Ok(self.put(conn, &new).await? == 1)
    }
}
