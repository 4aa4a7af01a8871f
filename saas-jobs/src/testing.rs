//! For the tests of an application: what is waiting, running it, running one job by hand.
//!
//! Time is turned by the queue's clock: give the queue a
//! [`ManualClock`](saas_core::ManualClock), and a job that is due in an hour is due when the test
//! says so.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # mod app {
//! use std::sync::Arc;
//! use std::time::Duration;
//! use saas_core::{Clock, ManualClock, SystemClock};
//! use saas_jobs::testing::{self, Expected};
//! use saas_jobs::{Drain, Job, JobContext, JobResult, Options, Outcome, Queue, Run, Worker};
//!
//! #[derive(Debug, serde::Serialize, serde::Deserialize)]
//! struct Remind { email: String }
//!
//! impl Job for Remind {
//!     const KIND: &'static str = "remind";
//! }
//!
//! impl Run<()> for Remind {
//!     async fn run(self, cx: JobContext<'_, ()>) -> JobResult {
//!         if cx.attempt() > 1 { Ok(Outcome::done()) } else { Ok(Outcome::snooze(Duration::from_secs(60))) }
//!     }
//! }
//!
//! # pub async fn test(pool: sqlx::SqlitePool) -> Result<(), saas_jobs::BoxError> {
//! # saas_jobs::migrate::<sqlx::Sqlite>(&mut *pool.acquire().await?).await?;
//! let clock = Arc::new(ManualClock::at(SystemClock.now()));
//! let queue = Queue::<sqlx::Sqlite>::new().clock(clock.clone());
//!
//! // The code under test enqueues …
//! let mut tx = pool.begin().await?;
//! let job = Remind { email: "ada@example.org".into() };
//! queue.enqueue_with(&mut tx, job, Options::new().delay(Duration::from_secs(3600))).await?;
//!
//! // … in this transaction, which need not commit to be looked at.
//! let in_an_hour = clock.now() + Duration::from_secs(3600);
//! let expected = Expected::new().run_at(in_an_hour).args(|job: &Remind| job.email.starts_with("ada"));
//! queue.assert_enqueued(&mut tx, expected).await;
//! tx.commit().await?;
//!
//! // Nothing is due until the clock is turned.
//! let worker = || Worker::new(pool.clone(), queue.clone(), ()).register::<Remind>();
//! assert_eq!(worker().drain().await?.done, 0);
//! clock.advance(Duration::from_secs(3600));
//! assert_eq!(worker().drain_with(Drain::new().most(1)).await?.snoozed, 1);
//!
//! // One handler, without queue and database.
//! let job = Remind { email: "ada@example.org".into() };
//! assert_eq!(testing::run(job, &()).attempt(2).await?, Outcome::done());
//! # Ok(())
//! # }
//! # }
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main]
//! # async fn main() -> Result<(), saas_jobs::BoxError> {
//! #     let options = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
//! #     app::test(options.connect("sqlite::memory:").await?).await
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```

pub(crate) mod drain;
mod enqueued;
mod inline;

pub use self::enqueued::{Expected, Waiting};
pub use self::inline::{Inline, InlineForTenant, run, run_for_tenant};
