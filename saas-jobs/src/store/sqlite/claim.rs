use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};

use super::{micros, named};
use crate::store::packed::{pack_attempts, pack_ids};
use crate::store::{
    Answer, ClaimRequest, Claimed, Claims, MOST_CLAIMED, MOST_LANES, SOME_LANES_LOG2, Turn,
};

// Differs: there are no snapshots that pin claimed entries, so no marks; the write lock is held, so
// no rows to skip; and what the second statement takes is what the first has read. A worker that was
// taken for dead gets nothing.
const CLAIM_READ: &str = "
    select r.id, r.attempt, r.lane, j.max_attempts, r.priority, j.version, j.tenant_id, j.kind, j.args, j.trace
    from (
        select id, attempt, lane, priority from saas_jobs_ready where queue = ?1 and lane = ?4
            and exists (select 1 from saas_jobs_worker where worker_id = ?3)
        order by priority, id limit ?2
    ) r join saas_jobs j on j.id = r.id
    order by r.priority, r.id";

const CLAIM_TAKE: &str = "
    delete from saas_jobs_ready where (queue, lane, priority, id) in (
        select queue, lane, priority, id from saas_jobs_ready where queue = ?1 and lane = ?3
        order by priority, id limit ?2
    )";

const CLAIM_LEASE: &str = "
    insert into saas_jobs_lease (lease_id, worker_id, ids, attempts) values (?1, ?2, ?3, ?4)";

// Hops from lane to lane along the index.
const LANES: &str = "
    with recursive hop(lane) as (
        select min(lane) from saas_jobs_ready where queue = ?1 and lane > ?2
        union all
        select (select min(r.lane) from saas_jobs_ready r where r.queue = ?1 and r.lane > hop.lane)
        from hop where hop.lane is not null
    )
    select lane from hop where lane is not null limit ?3";

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
            let (lanes, most_log2) = match &request.from {
                Turn::Lane { lane, most_log2, .. } => (vec![*lane], *most_log2),
                Turn::Each { lanes, most_log2 } => (lanes.clone(), *most_log2),
                Turn::Some { most_log2 } => {
                    let some = (*most_log2).min(SOME_LANES_LOG2);
                    let lanes = lanes(conn, &request.queue, -1, 1 << some, how).await?;
                    (lanes, most_log2 - some)
                }
            };
            let most = (1_i64 << most_log2).min(MOST_CLAIMED as i64);
            let mut jobs = Vec::new();
            // Differs: a subquery cannot see its neighbours, so each lane has its own two statements.
            for lane in lanes {
                let query =
                    sqlx::query(CLAIM_READ).persistent(named(how)).bind(&request.queue).bind(most);
                let query = query.bind(request.worker).bind(lane);
                let rows = query.fetch_all(&mut *conn).await?;
                if rows.is_empty() {
                    continue;
                }
                let read = rows.iter().map(claimed);
                jobs.extend(read.collect::<Result<Vec<_>, _>>()?);
                let query = sqlx::query(CLAIM_TAKE).persistent(named(how)).bind(&request.queue);
                query.bind(most).bind(lane).execute(&mut *conn).await?;
            }
            if jobs.is_empty() {
                return Ok(jobs);
            }
            let attempts: Vec<_> = jobs.iter().map(|job| job.attempt).collect();
            let query = sqlx::query(CLAIM_LEASE).persistent(named(how)).bind(request.lease);
            let query = query.bind(request.worker).bind(pack_ids(jobs.iter().map(|job| &job.id)));
            query.bind(pack_attempts(&attempts)).execute(conn).await?;
            Ok(jobs)
        })
    }

    fn lanes<'c>(
        conn: &'c mut SqliteConnection,
        queue: &'c str,
        after: i32,
        how: Statements,
    ) -> Answer<'c, Vec<i32>> {
        Box::pin(lanes(conn, queue, after, MOST_LANES, how))
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
        lane: row.try_get(2)?,
        max_attempts: row.try_get(3)?,
        priority: row.try_get(4)?,
        version: row.try_get(5)?,
        tenant: row.try_get(6)?,
        kind: row.try_get(7)?,
        args: row.try_get(8)?,
        trace: row.try_get(9)?,
    })
}

async fn lanes(
    conn: &mut SqliteConnection,
    queue: &str,
    after: i32,
    most: usize,
    how: Statements,
) -> Result<Vec<i32>, sqlx::Error> {
    let query = sqlx::query_scalar(LANES).persistent(named(how)).bind(queue).bind(after);
    query.bind(most as i64).fetch_all(conn).await
}
