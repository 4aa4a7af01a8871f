use saas_core::TenantId;

use super::{Schedule, StoredSchedule};
use crate::{Backend, Error, Job, Queue};

/// Schedules at run time, on the caller's connection.
impl<DB: Backend> Queue<DB> {
    /// Has a job enqueued again and again. If there is a schedule of this name, it becomes this one:
    /// whether it is paused stays, and so does its next time unless the expression or the zone is
    /// another.
    ///
    /// A worker takes notice within a second or two of the commit.
    ///
    /// ```
    /// # use saas_jobs::{Error, Job, Missed, Options, Queue, Schedule};
    /// # use saas_core::TenantId;
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Digest;
    /// # impl Job for Digest { const KIND: &'static str = "digest"; }
    /// # #[cfg(feature = "postgres")]
    /// async fn subscribe(
    ///     queue: &Queue<sqlx::Postgres>,
    ///     conn: &mut sqlx::PgConnection,
    ///     tenant: TenantId,
    ///     zone: String,
    /// ) -> Result<(), Error> {
    ///     let digest = Schedule::cron(format!("digest of {tenant}"), "0 8 * * MON")?
    ///         .zone(zone)?
    ///         .options(Options::new().tenant(tenant));
    ///     queue.schedule(conn, digest, Digest).await
    /// }
    /// ```
    pub async fn schedule<J: Job>(
        &self,
        conn: &mut DB::Connection,
        schedule: Schedule,
        job: J,
    ) -> Result<(), Error> {
        self.put_schedule(conn, schedule.of(&job, false)?).await
    }

    /// Stops a schedule until it is resumed; false if there is none of this name.
    pub async fn pause_schedule(
        &self,
        conn: &mut DB::Connection,
        name: &str,
    ) -> Result<bool, Error> {
        Ok(DB::pause_schedule(conn, name, self.statements).await?)
    }

    /// Lets a paused schedule go on with its next time from now: what fell into the pause was not
    /// missed. False if there is none of this name that is paused.
    pub async fn resume_schedule(
        &self,
        conn: &mut DB::Connection,
        name: &str,
    ) -> Result<bool, Error> {
        let how = self.statements;
        let Some(schedule) = DB::stored_schedule(conn, name, how).await? else { return Ok(false) };
        let next = schedule.when()?.next(self.clock.now());
        Ok(DB::resume_schedule(conn, name, next, how).await?)
    }

    /// Deletes a schedule; what it has enqueued stays. False if there is none of this name.
    pub async fn unschedule(&self, conn: &mut DB::Connection, name: &str) -> Result<bool, Error> {
        Ok(DB::delete_schedule(conn, name, self.statements).await?)
    }

    /// Schedules by name, at most `most`: of `tenant`'s own only, or all if none is given; `after`
    /// the last name of the page before.
    pub async fn schedules(
        &self,
        conn: &mut DB::Connection,
        tenant: Option<TenantId>,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<StoredSchedule>, Error> {
        let (tenant, after) = (tenant.map(TenantId::uuid), after.unwrap_or(""));
        Ok(DB::schedules(conn, tenant, after, most.into(), self.statements).await?)
    }

    /// Stores a schedule, with its next time from now if it is new.
    pub(crate) async fn put_schedule(
        &self,
        conn: &mut DB::Connection,
        mut schedule: StoredSchedule,
    ) -> Result<(), Error> {
        schedule.next_at = schedule.when()?.next(self.clock.now());
        Ok(DB::put_schedule(conn, &schedule, self.statements).await?)
    }
}
