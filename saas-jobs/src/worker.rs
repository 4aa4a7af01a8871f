mod buffer;
mod claimer;
mod completer;
mod ended;
#[cfg(feature = "metrics")]
mod gauges;
mod heart;
mod keeper;
mod lanes;
mod lease;
mod limited;
#[cfg(feature = "postgres")]
mod listener;
mod pace;
mod placing;
mod registry;
mod retainer;
mod retry;
mod room;
mod runner;
#[cfg(feature = "cron")]
mod scheduler;
mod settings;
mod shared;
mod source;
mod supervisor;

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};

use sqlx::Pool;
use tokio::sync::watch;
use uuid::Uuid;

use self::buffer::Buffer;
use self::registry::Registry;
use self::room::Room;
use self::settings::Settings;
use self::shared::Shared;
use crate::layer::Layers;
use crate::queue::DEFAULT_QUEUE;
use crate::scope::Contexts;
use crate::{Backend, BoxError, Error, JobInfo, Queue, Run, RunForTenant, text};

pub(crate) use self::lease::Lease;
#[cfg(feature = "testing")]
pub(crate) use self::testing::{clear, drain};

#[cfg(feature = "testing")]
mod testing;

#[cfg(test)]
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod model;

/// Runs the jobs of a queue: claims them in batches under a lease, runs their handlers with the
/// context `C`, and records what became of them.
///
/// Any number of workers, in any number of processes, may serve the same queue.
///
/// It runs on the tokio runtime it is awaited on. Connections come from the pool: two at work, one
/// to stay alive, and what the handlers take; a pool shared with handlers should be larger than the
/// number of them that hold a connection.
pub struct Worker<DB: Backend, C> {
    pool: Pool<DB>,
    queue: Queue<DB>,
    contexts: Contexts<C>,
    pub(crate) registry: Registry<C>,
    pub(crate) layers: Layers,
    duplicate: Option<&'static str>,
    settings: Settings,
}

impl<DB: Backend, C: Send + Sync + 'static> Worker<DB, C> {
    /// A worker without jobs. It serves the queue `default`, up to 32 jobs at once.
    pub fn new(pool: Pool<DB>, queue: Queue<DB>, context: C) -> Self {
        Self::over(pool, queue, Contexts::Shared(Arc::new(context)))
    }

    /// A worker whose handlers have a context of their own, made from the application and the job
    /// before any code of the handler runs: with the tenant bound, say. An error is a failed
    /// attempt.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use saas_jobs::{Backend, JobInfo, Queue, Worker};
    /// # use saas_core::TenantId;
    /// # struct App;
    /// # impl App { fn of_tenant(&self, _: TenantId) -> TenantApp { TenantApp } }
    /// # struct TenantApp;
    /// # fn scoped<DB: Backend>(pool: sqlx::Pool<DB>, queue: Queue<DB>, app: App) -> Worker<DB, TenantApp> {
    /// Worker::scoped(pool, queue, app, |app: Arc<App>, job: JobInfo| async move {
    ///     let tenant = job.tenant.ok_or("a job without a tenant")?;
    ///     Ok(app.of_tenant(tenant))
    /// })
    /// # }
    /// ```
    pub fn scoped<A, F>(
        pool: Pool<DB>,
        queue: Queue<DB>,
        app: A,
        scope: impl Fn(Arc<A>, JobInfo) -> F + Send + Sync + 'static,
    ) -> Self
    where
        A: Send + Sync + 'static,
        F: Future<Output = Result<C, BoxError>> + Send + 'static,
    {
        Self::over(pool, queue, Contexts::made(app, scope))
    }

    fn over(pool: Pool<DB>, queue: Queue<DB>, contexts: Contexts<C>) -> Self {
        let (registry, layers) = (Registry::new(), Layers::default());
        Self {
            pool,
            queue,
            contexts,
            registry,
            layers,
            duplicate: None,
            settings: Settings::default(),
        }
    }

    /// Runs jobs of the kind `J`. Jobs of kinds that are not registered are left to other workers:
    /// one that is claimed waits a quarter of a minute, and no attempt is counted.
    #[must_use]
    pub fn register<J: Run<C>>(mut self) -> Self {
        if !self.registry.add::<J>() {
            self.duplicate = Some(J::KIND);
        }
        self
    }

    /// Runs jobs of the kind `J`, each for its tenant. A job that has none, stored before its kind
    /// needed one, goes to the dead letters.
    ///
    /// Whether the kind needs a tenant is seen to when the program is compiled:
    ///
    /// ```compile_fail,E0080
    /// # use saas_core::TenantId;
    /// # use saas_jobs::{Job, JobContext, JobResult, Outcome, RunForTenant, Worker};
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Close;
    ///
    /// impl Job for Close {
    ///     const KIND: &'static str = "close";             // and no `NEEDS_TENANT`
    /// }
    /// # impl RunForTenant<()> for Close {
    /// #     async fn run(self, _: TenantId, _: JobContext<'_, ()>) -> JobResult { Ok(Outcome::done()) }
    /// # }
    /// # #[cfg(feature = "sqlite")]
    /// # fn main() {
    /// #     let _: fn(Worker<sqlx::Sqlite, ()>) -> _ = |worker|
    /// worker.register_for_tenant::<Close>()
    /// # ; }
    /// ```
    #[must_use]
    pub fn register_for_tenant<J: RunForTenant<C>>(mut self) -> Self {
        const { assert!(J::NEEDS_TENANT, "`Job::NEEDS_TENANT` must be true for this kind") };
        if !self.registry.add_for_tenant::<J>() {
            self.duplicate = Some(J::KIND);
        }
        self
    }

    /// Works until `shutdown` resolves, then stops cleanly: it claims nothing more, gives back what
    /// it has not begun, lets running jobs end within the grace period, and gives back with an
    /// attempt counted what does not.
    ///
    /// A database that fails or restarts does not end it. Dropping the future stops the worker as
    /// `shutdown` does, in the background.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateKind`] if two jobs were registered under one kind; [`Error::Name`] if that of
    /// a queue or limit is none that the database takes; [`Error::Broken`] if a
    /// task of the worker broke off.
    pub async fn run_until(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let shared = Arc::new(self.share()?);
        let _stop_if_dropped = StopOnDrop(shared.stop.clone());
        let mut supervisor = tokio::spawn(supervisor::supervise(Arc::clone(&shared)));
        tokio::select! {
            ended = &mut supervisor => return ended?,
            () = shutdown => {}
        }
        shared.stop.send_replace(true);
        supervisor.await?
    }

    fn share(self) -> Result<Shared<DB, C>, Error> {
        if let Some(kind) = self.duplicate {
            return Err(Error::DuplicateKind { kind });
        }
        let mut settings = self.settings;
        #[cfg(feature = "cron")]
        settings.schedules.check()?;
        if settings.queues.is_empty() {
            settings.queues.push(DEFAULT_QUEUE.to_owned());
        }
        for queue in &settings.queues {
            text::checked("name of a queue", queue)?;
        }
        for limit in &settings.limits {
            limit.checked()?;
        }
        Ok(Shared {
            pool: self.pool,
            queue: self.queue,
            contexts: self.contexts,
            registry: self.registry,
            layers: self.layers,
            settings,
            buffer: Buffer::new(),
            in_hand: AtomicUsize::new(0),
            unsettled: AtomicUsize::new(0),
            mean_run: AtomicU64::new(0),
            room: Room::default(),
            freed: watch::Sender::new(()),
            stop: watch::Sender::new(false),
            abandon: watch::Sender::new(false),
            doubtful: Mutex::default(),
        })
    }
}

impl<DB: Backend, C> fmt::Debug for Worker<DB, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("settings", &self.settings).finish_non_exhaustive()
    }
}

struct StopOnDrop(watch::Sender<bool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

/// Whether the flag is raised, or nobody is left to raise it.
fn is_over(flag: &watch::Receiver<bool>) -> bool {
    *flag.borrow() || flag.has_changed().is_err()
}

/// Resolves when the flag is raised, or nobody is left to raise it.
async fn until(flag: &mut watch::Receiver<bool>) {
    let _ = flag.wait_for(|raised| *raised).await;
}

/// A number from 0 to 1 for jitter: the random end of a UUID, good enough for that.
fn random() -> f64 {
    let bits = Uuid::now_v7().as_u64_pair().1 as u32;
    f64::from(bits) / f64::from(u32::MAX)
}
