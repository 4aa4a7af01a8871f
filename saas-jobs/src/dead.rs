use chrono::{DateTime, Utc};
use saas_core::TenantId;
use serde::Serialize;

use crate::store::Which;
use crate::{Backend, Error, JobId, Queue};

/// A job that ended without success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeadJob {
    /// Its id.
    pub id: JobId,
    /// Its kind.
    pub kind: String,
    /// The queue it was in.
    pub queue: String,
    /// Whose job it is.
    pub tenant: Option<TenantId>,
    /// When it ended.
    pub died_at: DateTime<Utc>,
    /// Attempts that were made.
    pub attempt: u16,
    /// Why it ended.
    pub reason: String,
    /// The version of its arguments.
    pub version: i16,
    /// Its arguments, as JSON.
    pub args: String,
}

/// Which dead letters: all of them, or those that the filters let through.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct DeadLetters(Which);

impl DeadLetters {
    /// All of them.
    pub fn new() -> Self {
        Self::default()
    }

    /// This one.
    pub fn id(mut self, id: JobId) -> Self {
        self.0.id = Some(id.uuid());
        self
    }

    /// Those of a queue.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.0.queue = Some(queue.into());
        self
    }

    /// Those of a kind.
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.0.kind = Some(kind.into());
        self
    }

    /// Those of a tenant.
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.0.tenant = Some(tenant.uuid());
        self
    }

    /// Those that come after this one in the list, for the next page.
    pub fn after(mut self, last: &DeadJob) -> Self {
        self.0.before = Some((last.died_at, last.id.uuid()));
        self
    }
}

/// Dead letters, and jobs that wait.
impl<DB: Backend> Queue<DB> {
    /// Dead letters, the latest first, at most `most`.
    pub async fn dead(
        &self,
        conn: &mut DB::Connection,
        letters: &DeadLetters,
        most: u32,
    ) -> Result<Vec<DeadJob>, Error> {
        Ok(DB::dead(conn, &letters.0, most.into(), self.statements).await?)
    }

    /// Has up to `most` dead letters, the latest first, run again with all their attempts; returns
    /// how many. Their errors are forgotten, their steps are not. A [`Unique`](crate::Unique) key that
    /// another job has taken meanwhile stays with that one, and both run.
    pub async fn redrive(
        &self,
        conn: &mut DB::Connection,
        letters: &DeadLetters,
        most: u32,
    ) -> Result<u64, Error> {
        Ok(DB::redrive(conn, &letters.0, most.into(), self.statements).await?)
    }

    /// Forgets up to `most` dead letters, the latest first, for good; returns how many.
    pub async fn discard(
        &self,
        conn: &mut DB::Connection,
        letters: &DeadLetters,
        most: u32,
    ) -> Result<u64, Error> {
        Ok(DB::discard(conn, &letters.0, most.into(), self.statements).await?)
    }

    /// Ends a job that waits, of `tenant`'s own only or of anybody's if none is given. False if it
    /// does not wait: a job that runs is its handler's.
    pub async fn cancel(
        &self,
        conn: &mut DB::Connection,
        id: JobId,
        tenant: Option<TenantId>,
        reason: &str,
    ) -> Result<bool, Error> {
        let (tenant, now) = (tenant.map(TenantId::uuid), self.clock.now());
        let reason = crate::text::kept(reason);
        let (id, how) = (id.uuid(), self.statements);
        // Twice: what was moved from the scheduled to the ready jobs meanwhile is seen only by a
        // statement that begins after it.
        Ok(DB::cancel(conn, id, tenant, &reason, now, how).await?
            || DB::cancel(conn, id, tenant, &reason, now, how).await?)
    }

    /// Gives a job that waits, for the first time or for another attempt, a new time: at once if it
    /// is past. False if it does not wait.
    pub async fn reschedule(
        &self,
        conn: &mut DB::Connection,
        id: JobId,
        tenant: Option<TenantId>,
        run_at: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let tenant = tenant.map(TenantId::uuid);
        let run_at = (run_at > self.clock.now()).then(|| saas_core::truncate_to_micros(run_at));
        let (id, how) = (id.uuid(), self.statements);
        Ok(DB::reschedule(conn, id, tenant, run_at, how).await?
            || DB::reschedule(conn, id, tenant, run_at, how).await?)
    }
}
