//! The seam to the databases: one sealed trait for each subject, two mirrored folders.

mod claim;
#[cfg(feature = "postgres")]
mod copy;
mod enqueue;
mod epoch;
mod gauge;
mod inspect;
pub(crate) mod lead;
mod limit;
mod manage;
#[cfg(feature = "sqlite")]
mod packed;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
mod retain;
#[cfg(feature = "cron")]
pub(crate) mod schedule;
mod session;
#[cfg(feature = "sqlite")]
mod sqlite;
mod step;
mod unique;

use chrono::{DateTime, Utc};
use futures_core::future::BoxFuture;
use saas_core::sql::Statements;

pub(crate) use claim::{
    ClaimRequest, Claimed, Claims, MOST_CLAIMED, MOST_LANES, PRIORITIES, SOME_LANES_LOG2, Turn,
};
pub(crate) use enqueue::{Enqueues, NewJobs};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use epoch::Stranded;
pub(crate) use epoch::{Epoch, Epochs};
pub(crate) use gauge::Gauges;
pub(crate) use inspect::Inspects;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use inspect::WaitingJob;
pub(crate) use lead::Leads;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use limit::Used;
pub(crate) use limit::{LimitedLane, Limits, Taken};
pub(crate) use manage::{Manages, Which};
pub(crate) use record::{CANCELLED, DEAD, Moved, Placement, Records};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use record::{DONE, MOVED};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use retain::Cleared;
pub(crate) use retain::Retains;
#[cfg(feature = "cron")]
pub(crate) use schedule::Schedules;
pub(crate) use session::{Lent, Session, acquire, can_spare, in_time};
use sqlx::Database;
pub(crate) use step::{StepStore, Taking};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use unique::Holder;
pub(crate) use unique::{Key, Replacement, Uniques};
use uuid::Uuid;

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

    #[doc(hidden)]
    fn job_step<'c>(
        &'c mut self,
        job: Uuid,
        name: &'c str,
        how: Statements,
    ) -> Answer<'c, Option<String>>;

    #[doc(hidden)]
    fn take_job_step<'c>(&'c mut self, taking: &'c Taking<'c>, how: Statements)
    -> Answer<'c, bool>;
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

            fn job_step<'c>(
                &'c mut self,
                job: Uuid,
                name: &'c str,
                how: Statements,
            ) -> Answer<'c, Option<String>> {
                <$database>::step(self, job, name, how)
            }

            fn take_job_step<'c>(
                &'c mut self,
                taking: &'c Taking<'c>,
                how: Statements,
            ) -> Answer<'c, bool> {
                <$database>::take_step(self, taking, how)
            }
        }
    };
}

#[cfg(feature = "postgres")]
completes_jobs!(sqlx::PgConnection, sqlx::Postgres);
#[cfg(feature = "sqlite")]
completes_jobs!(sqlx::SqliteConnection, sqlx::Sqlite);

type Answer<'c, T> = BoxFuture<'c, Result<T, sqlx::Error>>;

/// What the queue asks of its database, subject by subject.
pub trait Store:
    Enqueues
    + Uniques
    + Claims
    + Limits
    + Records
    + StepStore
    + Epochs
    + Retains
    + Manages
    + Schedules
    + Inspects
    + Gauges
    + Leads
{
    /// What opens a transaction that will write.
    const BEGIN: &'static str;
    /// The same where the planner is kept to the index, for a claim that it got wrong.
    const BEGIN_STEERED: &'static str;
    /// How long a worker waits for a connection of its own and its `BEGIN`, at most.
    const PATIENCE: std::time::Duration;
    /// How long a worker waits for what it does in the database, that included.
    const ANSWER: std::time::Duration;
    /// Whether each of `claim`, `close`, `place` and `promote` is one statement, which needs no
    /// transaction.
    const ONE_STATEMENT: bool;
}

/// Without the feature, nothing is asked.
#[cfg(not(feature = "cron"))]
pub trait Schedules {}
#[cfg(not(feature = "cron"))]
impl<DB> Schedules for DB {}

/// Attempts are small numbers; the columns hold no others.
pub(crate) fn count(stored: i16) -> u16 {
    u16::try_from(stored).unwrap_or(0)
}

/// The reverse, for what is stored.
pub(crate) fn stored(count: u16) -> i16 {
    i16::try_from(count).unwrap_or(i16::MAX)
}
