//! The seam to the databases: one sealed trait, two mirrored files.

#[cfg(feature = "postgres")]
mod copy;
#[cfg(feature = "sqlite")]
mod packed;
#[cfg(feature = "postgres")]
mod postgres;
mod session;
#[cfg(feature = "sqlite")]
mod sqlite;

use chrono::{DateTime, Utc};
use futures_core::future::BoxFuture;
use saas_core::sql::Statements;
use sqlx::Database;
use uuid::Uuid;

use crate::{JobStatus, QueueStats};
pub(crate) use session::{Session, can_spare};

/// One of the two databases a queue can live in: sqlx's own `Postgres` and `Sqlite`. Sealed.
pub trait Backend: saas_core::sql::Backend + Database<Connection: QueueConnection> + Store {}

#[cfg(feature = "postgres")]
impl Backend for sqlx::Postgres {}
#[cfg(feature = "sqlite")]
impl Backend for sqlx::Sqlite {}

/// A connection to one of the two databases: what a handler completes its job on. Sealed, and
/// implied by [`Backend`]. It spares [`Run`](crate::Run) and its context a type parameter for the
/// database, which the connection tells.
pub trait QueueConnection: sealed::Sealed + Send {
    #[doc(hidden)]
    fn complete_job(
        &mut self,
        lease: Uuid,
        job: Uuid,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'_, bool>;
}

mod sealed {
    pub trait Sealed {}
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
macro_rules! completes_jobs {
    ($connection:ty, $database:ty) => {
        impl sealed::Sealed for $connection {}
        impl QueueConnection for $connection {
            fn complete_job(
                &mut self,
                lease: Uuid,
                job: Uuid,
                now: DateTime<Utc>,
                how: Statements,
            ) -> Answer<'_, bool> {
                <$database>::complete(self, lease, job, now, how)
            }
        }
    };
}
#[cfg(feature = "postgres")]
completes_jobs!(sqlx::PgConnection, sqlx::Postgres);
#[cfg(feature = "sqlite")]
completes_jobs!(sqlx::SqliteConnection, sqlx::Sqlite);

/// How many priorities there are.
pub(crate) const PRIORITIES: usize = 4;

/// The most jobs one claim takes: beyond that the array of a lease outgrows a page by far.
pub(crate) const MOST_CLAIMED: usize = 512;

type Answer<'c, T> = BoxFuture<'c, Result<T, sqlx::Error>>;

/// Jobs of one kind to be stored alike.
#[derive(Debug)]
pub struct NewJobs {
    pub(crate) kind: &'static str,
    pub(crate) version: i16,
    pub(crate) queue: String,
    pub(crate) priority: i16,
    pub(crate) max_attempts: i16,
    pub(crate) tenant: Option<Uuid>,
    /// `None` for ready at once.
    pub(crate) run_at: Option<DateTime<Utc>>,
    /// Each job's id and arguments as JSON.
    pub(crate) jobs: Vec<(Uuid, String)>,
    /// Leaves a job alone whose id is taken.
    pub(crate) once: bool,
}

/// What to claim, and for whom.
#[derive(Debug)]
pub struct ClaimRequest {
    pub(crate) lease: Uuid,
    pub(crate) worker: Uuid,
    pub(crate) queue: String,
    /// Two to this power jobs: few different limits, since each is a statement of its own.
    pub(crate) limit_log2: usize,
    /// For each priority the id at which to begin.
    pub(crate) marks: [Uuid; PRIORITIES],
}

/// A claimed job.
#[derive(Debug)]
pub struct Claimed {
    pub(crate) id: Uuid,
    pub(crate) attempt: i16,
    pub(crate) max_attempts: i16,
    pub(crate) priority: i16,
    pub(crate) version: i16,
    pub(crate) tenant: Option<Uuid>,
    pub(crate) kind: String,
    pub(crate) args: String,
}

/// What left leases, row by row. Rows of leases that are not held any more are left out by the
/// database.
#[derive(Debug, Default)]
pub struct Placement {
    /// Leases whose last jobs are in here.
    pub(crate) closing: Vec<Uuid>,
    /// Leases that go on.
    pub(crate) staying: Vec<Uuid>,
    pub(crate) done: Vec<(Uuid, Uuid)>,
    /// Jobs of staying leases that go elsewhere.
    pub(crate) moved: Vec<(Uuid, Uuid)>,
    pub(crate) ready: Vec<Moved<()>>,
    pub(crate) later: Vec<Moved<DateTime<Utc>>>,
    pub(crate) dead: Vec<Moved<(i16, String)>>,
    pub(crate) errors: Vec<Moved<String>>,
}

/// A job that leaves a lease for another table.
#[derive(Debug)]
pub(crate) struct Moved<T> {
    pub(crate) lease: Uuid,
    pub(crate) id: Uuid,
    pub(crate) attempt: i16,
    pub(crate) what: T,
}

/// States in `jobs_done`.
pub(crate) const DONE: i16 = 1;
pub(crate) const MOVED: i16 = 2;
/// States in `jobs_dead`.
pub(crate) const DEAD: i16 = 1;
pub(crate) const CANCELLED: i16 = 2;

/// A job whose worker died.
#[derive(Debug)]
pub struct Stranded {
    pub(crate) lease: Uuid,
    pub(crate) id: Uuid,
    pub(crate) attempt: i16,
    pub(crate) max_attempts: i16,
}

/// A worker's epoch.
#[derive(Debug)]
pub struct Epoch {
    pub(crate) worker: Uuid,
    pub(crate) name: String,
    pub(crate) now: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// What the queue asks of its database. The functions decide nothing and read no clock.
pub trait Store: saas_core::sql::Backend {
    /// What opens a transaction that will write.
    const BEGIN: &'static str;
    /// The same where the planner is kept to the index, for a claim that it got wrong.
    const BEGIN_STEERED: &'static str;
    /// Whether each of `claim`, `close`, `place` and `promote` is one statement, which needs no
    /// transaction.
    const ONE_STATEMENT: bool;

    /// Stores jobs, all or none, and returns how many are new.
    fn enqueue<'c>(
        conn: &'c mut Self::Connection,
        jobs: &'c NewJobs,
        how: Statements,
    ) -> Answer<'c, u64>;

    /// Moves ready jobs into a new lease; most urgent first, oldest first.
    fn claim<'c>(
        conn: &'c mut Self::Connection,
        request: &'c ClaimRequest,
        how: Statements,
    ) -> Answer<'c, Vec<Claimed>>;

    /// Records every job of these leases as done; returns the leases that were still held.
    fn close<'c>(
        conn: &'c mut Self::Connection,
        leases: &'c [Uuid],
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, Vec<Uuid>>;

    /// Records what left leases job by job; returns the leases that were still held.
    fn place<'c>(
        conn: &'c mut Self::Connection,
        placement: &'c Placement,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, Vec<Uuid>>;

    /// Records one job as done if its lease is held. If not, returns false or an error, and the
    /// transaction cannot commit.
    fn complete(
        conn: &mut Self::Connection,
        lease: Uuid,
        job: Uuid,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'_, bool>;

    /// What is recorded as having left these leases: lease and job.
    fn recorded<'c>(
        conn: &'c mut Self::Connection,
        leases: &'c [Uuid],
        how: Statements,
    ) -> Answer<'c, Vec<(Uuid, Uuid)>>;

    /// Which of these leases no unfinished transaction is completing a job of, or are gone.
    fn unlocked<'c>(
        conn: &'c mut Self::Connection,
        leases: &'c [Uuid],
        how: Statements,
    ) -> Answer<'c, Vec<Uuid>>;

    /// Moves due jobs from later to ready, at most `MOST_CLAIMED`; returns how many.
    fn promote(conn: &mut Self::Connection, now: DateTime<Utc>, how: Statements)
    -> Answer<'_, u64>;

    /// Begins an epoch.
    fn register<'c>(
        conn: &'c mut Self::Connection,
        epoch: &'c Epoch,
        how: Statements,
    ) -> Answer<'c, ()>;

    /// Prolongs an epoch; false if it was ended by another worker.
    fn renew<'c>(
        conn: &'c mut Self::Connection,
        epoch: &'c Epoch,
        how: Statements,
    ) -> Answer<'c, bool>;

    /// Ends an epoch that holds no lease any more.
    fn retire(conn: &mut Self::Connection, worker: Uuid, how: Statements) -> Answer<'_, ()>;

    /// Ends lapsed epochs, locks leases of ended ones and the `doubtful`, and returns these leases
    /// with the jobs in them. Needs a transaction, in which `place` then closes the leases.
    fn strand<'c>(
        conn: &'c mut Self::Connection,
        now: DateTime<Utc>,
        doubtful: &'c [Uuid],
        how: Statements,
    ) -> Answer<'c, (Vec<Uuid>, Vec<Stranded>)>;

    /// What is known of a job, of one tenant's if one is given.
    fn status(
        conn: &mut Self::Connection,
        job: Uuid,
        tenant: Option<Uuid>,
        how: Statements,
    ) -> Answer<'_, Option<JobStatus>>;

    /// How full the queues are.
    fn stats(conn: &mut Self::Connection, how: Statements) -> Answer<'_, Vec<QueueStats>>;

    /// Arguments of jobs of a kind that are ready or scheduled: version and JSON, oldest first.
    fn waiting<'c>(
        conn: &'c mut Self::Connection,
        kind: &'c str,
        how: Statements,
    ) -> Answer<'c, Vec<(i16, String)>>;
}

/// Attempts are small numbers; the columns hold no others.
pub(crate) fn count(stored: i16) -> u16 {
    u16::try_from(stored).unwrap_or(0)
}

/// The reverse, for what is stored.
pub(crate) fn stored(count: u16) -> i16 {
    i16::try_from(count).unwrap_or(i16::MAX)
}
