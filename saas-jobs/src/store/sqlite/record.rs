use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::{Sqlite, SqliteConnection};
use uuid::Uuid;

use super::{holds, micros, named};
use crate::store::packed::{pack_ids, unpack_ids};
use crate::store::{Answer, DONE, MOVED, Placement, Records};

// Its jobs are not named again: without a lease they have ended.
const CLOSE: &str = "
    insert into saas_jobs_done (lease_id, finished_at, state)
    select lease_id, ?2, ?3 from saas_jobs_lease where lease_id = ?1";

const CLOSED: &str = "delete from saas_jobs_lease where lease_id = ?1";

// By an earlier try that nobody heard of.
const CLOSED_BEFORE: &str = "select 1 from saas_jobs_done where lease_id = ?1 and ids is null";

const HELD: &str = "select 1 from saas_jobs_lease where lease_id = ?1";

const MARK: &str = "
    insert into saas_jobs_done (lease_id, finished_at, state, ids) values (?1, ?2, ?3, ?4)";

const PLACE_READY: &str = "
    insert into saas_jobs_ready (id, lane, priority, attempt, queue)
    select id, coalesce(lane, 0), priority, ?2, queue from saas_jobs where id = ?1 on conflict do nothing";

const PLACE_LATER: &str = "
    insert into saas_jobs_later (id, run_at, lane, priority, attempt, queue)
    select id, ?3, coalesce(lane, 0), priority, ?2, queue from saas_jobs where id = ?1 on conflict do nothing";

const PLACE_DEAD: &str = "
    insert into saas_jobs_dead (id, died_at, attempt, state, reason) values (?1, ?2, ?3, ?4, ?5)
    on conflict do nothing";

const PLACE_ERROR: &str = "
    insert into saas_jobs_error (id, attempt, failed_at, error) values (?1, ?2, ?3, ?4)
    on conflict do nothing";

const COMPLETE: &str = concat!(
    "insert into saas_jobs_done (lease_id, finished_at, state, ids)
    select lease_id, ?3, ?4, ?2 from saas_jobs_lease
    where lease_id = ?1 and ",
    holds!("ids", "?2"),
    " and not exists (select 1 from saas_jobs_done d where d.lease_id = ?1 and ",
    holds!("d.ids", "?2"),
    ")"
);

// Differs: an error ends no transaction here, but a deferred foreign key without its parent does. No
// lease has this id.
pub(super) const FENCE: &str = "insert into saas_jobs_fence (lease_id) values (zeroblob(16))";

const RECORDED: &str = "select ids from saas_jobs_done where lease_id = ?1 and ids is not null";

impl Records for Sqlite {
    fn close<'c>(
        conn: &'c mut SqliteConnection,
        leases: &'c [Uuid],
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, Vec<Uuid>> {
        Box::pin(async move {
            let mut held = Vec::with_capacity(leases.len());
            for lease in leases {
                let query = sqlx::query(CLOSE).persistent(named(how)).bind(lease);
                let done = query.bind(micros(now)).bind(DONE).execute(&mut *conn).await?;
                if done.rows_affected() == 1 {
                    sqlx::query(CLOSED)
                        .persistent(named(how))
                        .bind(lease)
                        .execute(&mut *conn)
                        .await?;
                    held.push(*lease);
                    continue;
                }
                let query = sqlx::query(CLOSED_BEFORE).persistent(named(how)).bind(lease);
                held.extend(query.fetch_optional(&mut *conn).await?.map(|_| *lease));
            }
            Ok(held)
        })
    }

    fn place<'c>(
        conn: &'c mut SqliteConnection,
        placement: &'c Placement,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, Vec<Uuid>> {
        Box::pin(async move {
            let Placement { closing, staying, done, moved, ready, later, dead, errors } = placement;
            let mut held = Vec::new();
            for lease in closing {
                let query = sqlx::query(CLOSED).persistent(named(how)).bind(lease);
                if query.execute(&mut *conn).await?.rows_affected() == 1 {
                    held.push(*lease);
                }
            }
            for lease in staying {
                let query = sqlx::query(HELD).persistent(named(how)).bind(lease);
                held.extend(query.fetch_optional(&mut *conn).await?.map(|_| *lease));
            }
            for lease in &held {
                for (jobs, state) in [(done, DONE), (moved, MOVED)] {
                    let ids = pack_ids(jobs.iter().filter(|job| job.0 == *lease).map(|job| &job.1));
                    if !ids.is_empty() {
                        let query = sqlx::query(MARK).persistent(named(how)).bind(lease);
                        query.bind(micros(now)).bind(state).bind(ids).execute(&mut *conn).await?;
                    }
                }
            }
            for job in ready.iter().filter(|job| held.contains(&job.lease)) {
                let query = sqlx::query(PLACE_READY).persistent(named(how)).bind(job.id);
                query.bind(job.attempt).execute(&mut *conn).await?;
            }
            for job in later.iter().filter(|job| held.contains(&job.lease)) {
                let query = sqlx::query(PLACE_LATER).persistent(named(how)).bind(job.id);
                query.bind(job.attempt).bind(micros(job.what)).execute(&mut *conn).await?;
            }
            for job in dead.iter().filter(|job| held.contains(&job.lease)) {
                let (state, reason) = &job.what;
                let query = sqlx::query(PLACE_DEAD).persistent(named(how)).bind(job.id);
                let query = query.bind(micros(now)).bind(job.attempt).bind(state).bind(reason);
                query.execute(&mut *conn).await?;
            }
            for job in errors.iter().filter(|job| held.contains(&job.lease)) {
                let query = sqlx::query(PLACE_ERROR).persistent(named(how)).bind(job.id);
                let query = query.bind(job.attempt).bind(micros(now)).bind(&job.what);
                query.execute(&mut *conn).await?;
            }
            Ok(held)
        })
    }

    fn complete(
        conn: &mut SqliteConnection,
        lease: Uuid,
        job: Uuid,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'_, bool> {
        Box::pin(async move {
            let query = sqlx::query(COMPLETE).persistent(named(how)).bind(lease).bind(job);
            let done = query.bind(micros(now)).bind(DONE).execute(&mut *conn).await?;
            if done.rows_affected() == 1 {
                return Ok(true);
            }
            sqlx::query(FENCE).persistent(named(how)).execute(conn).await?;
            Ok(false)
        })
    }

    fn recorded<'c>(
        conn: &'c mut SqliteConnection,
        leases: &'c [Uuid],
        how: Statements,
    ) -> Answer<'c, Vec<(Uuid, Uuid)>> {
        Box::pin(async move {
            let mut recorded = Vec::new();
            for lease in leases {
                let query = sqlx::query_scalar(RECORDED).persistent(named(how)).bind(lease);
                let blobs: Vec<Vec<u8>> = query.fetch_all(&mut *conn).await?;
                recorded
                    .extend(blobs.iter().flat_map(|ids| unpack_ids(ids)).map(|id| (*lease, id)));
            }
            Ok(recorded)
        })
    }

    fn unlocked<'c>(
        conn: &'c mut SqliteConnection,
        leases: &'c [Uuid],
        how: Statements,
    ) -> Answer<'c, Vec<Uuid>> {
        // Differs: who asks holds the only write lock, so no other transaction is unfinished.
        let _ = (conn, how);
        Box::pin(async move { Ok(leases.to_vec()) })
    }
}
