mod buffer;
mod claimer;
mod completer;
#[cfg(feature = "metrics")]
mod gauges;
mod keeper;
mod lanes;
mod lease;
mod limited;
#[cfg(feature = "postgres")]
mod listener;
mod pace;
mod registry;
mod retainer;
mod runner;
#[cfg(feature = "cron")]
mod scheduler;
mod source;
mod supervisor;

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Pool;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use self::buffer::Buffer;
use self::registry::Registry;
use crate::layer::Layers;
use crate::queue::DEFAULT_QUEUE;
use crate::scope::Contexts;
use crate::{Backend, BoxError, Error, JobInfo, Limit, Queue, Retention, Run, RunForTenant, text};

pub(crate) use self::lease::Lease;
#[cfg(feature = "testing")]
pub(crate) use self::testing::{clear, drain};

#[cfg(feature = "testing")]
mod testing;

#[cfg(test)]
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod model;

/// The longest of the times that a worker is told: who means for ever is served with a day.
const MOST: Duration = Duration::from_secs(86_400);

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

#[derive(Debug)]
struct Settings {
    name: String,
    queues: Vec<String>,
    concurrency: usize,
    lease: Duration,
    grace: Duration,
    poll: (Duration, Duration),
    limits: Vec<Limit>,
    retention: Retention,
    #[cfg(feature = "metrics")]
    gauges: Option<Duration>,
    #[cfg(feature = "postgres")]
    listen: Option<sqlx::postgres::PgConnectOptions>,
    #[cfg(feature = "cron")]
    schedules: scheduler::InCode,
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
        let settings = Settings {
            name: format!("pid {}", std::process::id()),
            queues: Vec::new(),
            concurrency: 32,
            lease: Duration::from_secs(12),
            grace: Duration::from_secs(25),
            poll: (Duration::from_millis(50), Duration::from_secs(2)),
            limits: Vec::new(),
            retention: Retention::new(),
            #[cfg(feature = "metrics")]
            gauges: None,
            #[cfg(feature = "postgres")]
            listen: None,
            #[cfg(feature = "cron")]
            schedules: scheduler::InCode::default(),
        };
        let (registry, layers) = (Registry::new(), Layers::default());
        Self { pool, queue, contexts, registry, layers, duplicate: None, settings }
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

    /// Serves this queue; call it once for each. If it is never called, that is `default`.
    #[must_use]
    pub fn queue(mut self, name: impl Into<String>) -> Self {
        self.settings.queues.push(name.into());
        self
    }

    /// Tells all workers what a limit means: it is written down when this one starts.
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.settings.limits.push(limit);
        self
    }

    /// How long ended jobs are kept: by default seven days what is done, thirty what is dead.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.settings.retention = retention;
        self
    }

    /// How many jobs run at once, at least one; 32 if not said.
    #[must_use]
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.settings.concurrency = jobs.clamp(1, 10_000);
        self
    }

    /// How long the worker holds its jobs without a sign of life, at least half a second; 12 s if
    /// not said. It renews three times as often. Others take its jobs back a sixth later at the
    /// latest. The machines' clocks must agree to well within it.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Self {
        self.settings.lease = time.clamp(Duration::from_millis(500), MOST);
        self
    }

    /// How long running jobs may go on once the worker is told to stop; 25 s if not said. A few
    /// seconds more go by at most, if the database does not answer.
    #[must_use]
    pub fn grace(mut self, time: Duration) -> Self {
        self.settings.grace = time.min(MOST);
        self
    }

    /// How often an idle worker looks for jobs: at first after `least`, then ever later up to
    /// `most`; 50 ms and 2 s if not said. [`Queue::wake`] makes it look at once.
    #[must_use]
    pub fn poll(mut self, least: Duration, most: Duration) -> Self {
        let least = least.clamp(Duration::from_millis(1), MOST);
        self.settings.poll = (least, most.clamp(least, MOST));
        self
    }

    /// The worker's name in `jobs_worker`, for a person; the process id if not said.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = text::kept(&name.into());
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
            recorded: Notify::new(),
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

/// What the tasks of one worker share.
struct Shared<DB: Backend, C> {
    pool: Pool<DB>,
    queue: Queue<DB>,
    contexts: Contexts<C>,
    registry: Registry<C>,
    layers: Layers,
    settings: Settings,
    buffer: Buffer,
    /// Jobs that are claimed and not ended.
    in_hand: AtomicUsize,
    /// Jobs that are claimed and not recorded.
    unsettled: AtomicUsize,
    /// Nanoseconds; 0 while unknown.
    mean_run: AtomicU64,
    /// Told after outcomes were recorded.
    recorded: Notify,
    stop: watch::Sender<bool>,
    /// Running handlers are to be dropped.
    abandon: watch::Sender<bool>,
    /// Leases whose claim broke off, and when.
    doubtful: Mutex<Vec<(Uuid, Instant)>>,
}

impl<DB: Backend, C> Shared<DB, C> {
    fn load(&self) -> pace::Load {
        let in_hand = self.in_hand.load(Ordering::Relaxed);
        let mean_run = match self.mean_run.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        };
        let unrecorded = self.unsettled.load(Ordering::Relaxed).saturating_sub(in_hand);
        pace::Load { concurrency: self.settings.concurrency, in_hand, unrecorded, mean_run }
    }

    /// Takes a run into the mean. Two at once may lose one of them, which does not matter to it.
    fn ran(&self, took: Duration) {
        let mean = pace::mean_after(self.load().mean_run, took).as_nanos().max(1);
        self.mean_run.store(u64::try_from(mean).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Remembers a lease whose claim broke off.
    fn doubt(&self, lease: Uuid) {
        self.lock_doubtful().push((lease, Instant::now()));
    }

    /// The doubtful leases.
    fn doubtful(&self) -> Vec<Uuid> {
        self.lock_doubtful().iter().map(|(lease, _)| *lease).collect()
    }

    /// Forgets doubtful leases that were found, or were not by one who looked a minute after the
    /// claim: that was never made.
    fn trust(&self, found: &[Uuid], looked: Instant) {
        let late = |since: &Instant| looked.saturating_duration_since(*since).as_secs() >= 60;
        self.lock_doubtful().retain(|(lease, since)| !found.contains(lease) && !late(since));
    }

    fn lock_doubtful(&self) -> std::sync::MutexGuard<'_, Vec<(Uuid, Instant)>> {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner)
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
