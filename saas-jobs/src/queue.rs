use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use saas_core::sql::Statements;
use saas_core::{Clock, SystemClock, TenantId};
use tokio::sync::watch;

use crate::ids::Ids;
use crate::store::{NewJobs, stored};
use crate::{Backend, Error, Job, JobId, JobStatus, Limit, Options, QueueStats, lane, metrics};

pub(crate) const DEFAULT_QUEUE: &str = "default";
pub(crate) const DEFAULT_PRIORITY: u8 = 2;
pub(crate) const DEFAULT_MAX_ATTEMPTS: u16 = 20;

/// The way into the queue: stores jobs, on the caller's connection.
///
/// It holds no connection. Given a transaction, a job exists if and only if that transaction
/// commits. Clones are the same queue.
pub struct Queue<DB: Backend> {
    pub(crate) statements: Statements,
    pub(crate) clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    woken: watch::Sender<()>,
    /// Tells the workers of other processes.
    beyond: Option<Arc<dyn Fn() + Send + Sync>>,
    backend: PhantomData<fn() -> DB>,
}

impl<DB: Backend> Queue<DB> {
    /// A queue on a direct connection, by the machine's clock.
    pub fn new() -> Self {
        Self {
            statements: Statements::Named,
            clock: Arc::new(SystemClock),
            ids: Arc::new(Ids::Machine),
            woken: watch::Sender::new(()),
            beyond: None,
            backend: PhantomData,
        }
    }

    /// Tells the time by `clock`, as tests do. Workers of this queue use it too, and the ids of its jobs
    /// tell of it.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self.ids = Arc::new(Ids::told());
        self
    }

    /// Works behind a pooler in transaction mode, such as PgBouncer: statements are unnamed, and
    /// workers run each of theirs in a transaction. Then every connection given to this queue must
    /// be in a transaction too.
    #[must_use]
    pub fn unnamed(mut self) -> Self {
        self.statements = Statements::Unnamed;
        self
    }

    /// Stores a job, as its kind says. One round trip.
    pub async fn enqueue<J: Job>(&self, conn: &mut DB::Connection, job: J) -> Result<JobId, Error> {
        self.enqueue_with(conn, job, Options::new()).await
    }

    /// Stores a job; what `options` do not say is as its kind says. One round trip.
    pub async fn enqueue_with<J: Job>(
        &self,
        conn: &mut DB::Connection,
        job: J,
        options: Options,
    ) -> Result<JobId, Error> {
        let id = self.new_id();
        self.store::<J>(conn, vec![(id, job)], options, false).await?;
        Ok(id)
    }

    /// Stores a job under an id of the caller's choice, once: if there is a job of this id already,
    /// whatever it is, nothing happens. Returns whether the job is new.
    ///
    /// Once for as long as the job is kept. An id tells when its job was made: take a UUID of version
    /// 7 of about now, since [`Retention`](crate::Retention) goes by it.
    pub async fn enqueue_as<J: Job>(
        &self,
        conn: &mut DB::Connection,
        id: JobId,
        job: J,
        options: Options,
    ) -> Result<bool, Error> {
        Ok(self.store::<J>(conn, vec![(id, job)], options, true).await? == 1)
    }

    /// Stores jobs of one kind, all or none; in one statement, or by COPY if the connection is in a
    /// transaction of PostgreSQL.
    pub async fn enqueue_many<J: Job>(
        &self,
        conn: &mut DB::Connection,
        jobs: impl IntoIterator<Item = J>,
        options: Options,
    ) -> Result<Vec<JobId>, Error> {
        let jobs: Vec<_> = jobs.into_iter().map(|job| (self.new_id(), job)).collect();
        let ids = jobs.iter().map(|(id, _)| *id).collect();
        if !jobs.is_empty() {
            self.store::<J>(conn, jobs, options, false).await?;
        }
        Ok(ids)
    }

    /// Writes down what a limit means, from its next claim on; a worker does so itself with what
    /// [`Worker::limit`](crate::Worker::limit) tells it.
    ///
    /// # Errors
    ///
    /// [`Error::Name`] if its name is empty, too long, or has a NUL in it.
    pub async fn set_limit(&self, conn: &mut DB::Connection, limit: Limit) -> Result<(), Error> {
        limit.checked()?;
        Ok(DB::set_limit(conn, &limit, self.statements).await?)
    }

    /// Tells the workers of this process that there is something to do. Call it after the commit:
    /// before, there is nothing to be seen. Without it they find out by polling.
    ///
    /// Those of other processes too, if the queue [notifies](Self::notify).
    pub fn wake(&self) {
        self.wake_here();
        if let Some(tell) = &self.beyond {
            tell();
        }
    }

    /// Has others told whenever the queue is woken.
    #[cfg(feature = "postgres")]
    pub(crate) fn beyond(mut self, tell: Arc<dyn Fn() + Send + Sync>) -> Self {
        self.beyond = Some(tell);
        self
    }

    pub(crate) fn new_id(&self) -> JobId {
        self.ids.next(self.clock.now())
    }

    /// Tells the workers of this process only.
    pub(crate) fn wake_here(&self) {
        self.woken.send_replace(());
    }

    /// What is known of a job: of `tenant`'s own only, or of anybody's if none is given. `None` if
    /// there is no such job, or it is another tenant's.
    pub async fn job(
        &self,
        conn: &mut DB::Connection,
        id: JobId,
        tenant: Option<TenantId>,
    ) -> Result<Option<JobStatus>, Error> {
        let tenant = tenant.map(TenantId::uuid);
        Ok(DB::status(conn, id.uuid(), tenant, self.statements).await?)
    }

    /// How full each queue is, for dashboards and alerts. It counts rows: seconds on a backlog of
    /// millions.
    pub async fn stats(&self, conn: &mut DB::Connection) -> Result<Vec<QueueStats>, Error> {
        Ok(DB::stats(conn, self.statements).await?)
    }

    /// Resolves when the queue is woken.
    pub(crate) fn wakes(&self) -> watch::Receiver<()> {
        self.woken.subscribe()
    }

    pub(crate) async fn store<J: Job>(
        &self,
        conn: &mut DB::Connection,
        jobs: Vec<(JobId, J)>,
        options: Options,
        once: bool,
    ) -> Result<u64, Error> {
        let options = demanded::<J>(options)?;
        let queue = options.queue.clone().unwrap_or(DEFAULT_QUEUE.into()).into_owned();
        let lane = self.lane(conn, &queue, options.limit.as_deref(), options.tenant).await?;
        let jobs = jobs.into_iter().map(|(id, job)| Ok((id.uuid(), arguments(&job)?)));
        let jobs = jobs.collect::<Result<Vec<_>, Error>>()?;
        let new = NewJobs {
            kind: J::KIND.into(),
            version: J::VERSION,
            run_at: options.due(self.clock.now()),
            queue,
            priority: i16::from(options.priority.unwrap_or(DEFAULT_PRIORITY)),
            max_attempts: stored(options.max_attempts.unwrap_or(DEFAULT_MAX_ATTEMPTS)),
            tenant: options.tenant.map(TenantId::uuid),
            lane,
            trace: options.trace,
            jobs,
            once,
        };
        self.put(conn, &new).await
    }

    /// The lane of a job in its queue: of its limit, or else of its tenant.
    pub(crate) async fn lane(
        &self,
        conn: &mut DB::Connection,
        queue: &str,
        limit: Option<&str>,
        tenant: Option<TenantId>,
    ) -> Result<Option<i32>, Error> {
        let Some(limit) = limit else { return Ok(tenant.map(lane::of)) };
        let tenant = tenant.map(TenantId::uuid);
        Ok(Some(DB::limited_lane(conn, queue, limit, tenant, self.statements).await?))
    }

    /// Stores jobs, and returns how many are new.
    pub(crate) async fn put(&self, conn: &mut DB::Connection, new: &NewJobs) -> Result<u64, Error> {
        let stored = DB::enqueue(conn, new, self.statements).await?;
        metrics::enqueued(new.kind.clone(), &new.queue, new.jobs.len());
        Ok(stored)
    }
}

/// Options with those of the kind, names that the database takes, and the tenant that the kind needs.
pub(crate) fn demanded<J: Job>(options: Options) -> Result<Options, Error> {
    let options = options.or(J::options()).checked()?;
    match J::NEEDS_TENANT && options.tenant.is_none() {
        true => Err(Error::NoTenant { kind: J::KIND }),
        false => Ok(options),
    }
}

pub(crate) fn arguments<J: Job>(job: &J) -> Result<String, Error> {
    serde_json::to_string(job).map_err(|source| Error::Arguments { kind: J::KIND, source })
}

impl<DB: Backend> Default for Queue<DB> {
    fn default() -> Self {
        Self::new()
    }
}

// Written by hand, since a derive would demand the same of `DB`.
impl<DB: Backend> Clone for Queue<DB> {
    fn clone(&self) -> Self {
        Self {
            statements: self.statements,
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            woken: self.woken.clone(),
            beyond: self.beyond.clone(),
            backend: PhantomData,
        }
    }
}

impl<DB: Backend> fmt::Debug for Queue<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("statements", &self.statements).finish_non_exhaustive()
    }
}
