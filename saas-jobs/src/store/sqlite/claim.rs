use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};

use super::{micros, named};
use crate::store::packed::{pack_attempts, pack_ids};
use crate::store::{Answer, ClaimRequest, Claimed, Claims, MOST_CLAIMED};

// Differs: there are no snapshots that pin claimed entries, so no marks; the write lock is held, so
// no rows to skip; and what the second statement takes is what the first has read. A worker that was
// taken for dead gets nothing.
const CLAIM_READ: &str = "
    select r.id, r.attempt, j.max_attempts, r.priority, j.version, j.tenant_id, j.kind, j.args
    from (
        select id, attempt, priority from saas_jobs_ready where queue = ?1 and lane = 0
            and exists (select 1 from saas_jobs_worker where worker_id = ?3)
        order by priority, id limit ?2
    ) r join saas_jobs j on j.id = r.id
    order by r.priority, r.id";

const CLAIM_TAKE: &str = "
    delete from saas_jobs_ready where (queue, lane, priority, id) in (
        select queue, lane, priority, id from saas_jobs_ready where queue = ?1 and lane = 0
        order by priority, id limit ?2
    )";

const CLAIM_LEASE: &str = "
    insert into saas_jobs_lease (lease_id, worker_id, ids, attempts) values (?1, ?2, ?3, ?4)";

const PROMOTE_READY: &str = "
    insert into saas_jobs_ready (id, lane, priority, attempt, queue)
    select id, lane, priority, attempt, queue from saas_jobs_later where run_at <= ?1
    order by run_at, id limit ?2";

const PROMOTE_TAKE: &str = "
    delete from saas_jobs_later where id in (
        select id from saas_jobs_later where run_at <= ?1 order by run_at, id limit ?2
    )";

impl Claims for Sqlite {
    fn claim<'c>(
        conn: &'c mut SqliteConnection,
        request: &'c ClaimRequest,
        how: Statements,
    ) -> Answer<'c, Vec<Claimed>> {
        Box::pin(async move {
            let limit = (1_i64 << request.limit_log2).min(MOST_CLAIMED as i64);
            let query =
                sqlx::query(CLAIM_READ).persistent(named(how)).bind(&request.queue).bind(limit);
            let rows = query.bind(request.worker).fetch_all(&mut *conn).await?;
            let jobs = rows.iter().map(claimed).collect::<Result<Vec<_>, _>>()?;
            if jobs.is_empty() {
                return Ok(jobs);
            }
            let query = sqlx::query(CLAIM_TAKE).persistent(named(how)).bind(&request.queue);
            query.bind(limit).execute(&mut *conn).await?;
            let attempts: Vec<_> = jobs.iter().map(|job| job.attempt).collect();
            let query = sqlx::query(CLAIM_LEASE).persistent(named(how)).bind(request.lease);
            let query = query.bind(request.worker).bind(pack_ids(jobs.iter().map(|job| &job.id)));
            query.bind(pack_attempts(&attempts)).execute(conn).await?;
            Ok(jobs)
        })
    }

    fn promote(
        conn: &mut SqliteConnection,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'_, u64> {
        Box::pin(async move {
            let limit = MOST_CLAIMED as i64;
            let query = sqlx::query(PROMOTE_READY).persistent(named(how)).bind(micros(now));
            let promoted = query.bind(limit).execute(&mut *conn).await?.rows_affected();
            if promoted > 0 {
                let query = sqlx::query(PROMOTE_TAKE).persistent(named(how)).bind(micros(now));
                query.bind(limit).execute(conn).await?;
            }
            Ok(promoted)
        })
    }
}

fn claimed(row: &SqliteRow) -> Result<Claimed, sqlx::Error> {
    Ok(Claimed {
        id: row.try_get(0)?,
        attempt: row.try_get(1)?,
        max_attempts: row.try_get(2)?,
        priority: row.try_get(3)?,
        version: row.try_get(4)?,
        tenant: row.try_get(5)?,
        kind: row.try_get(6)?,
        args: row.try_get(7)?,
    })
}
