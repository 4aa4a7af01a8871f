use saas_core::TenantId;
use saas_core::sql::Statements;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::{holds, moment, named};
use crate::status::LastError;
use crate::store::packed::{attempt_at, unpack_ids};
use crate::store::{Answer, CANCELLED, Inspects, Records, WaitingJob, count};
use crate::{JobId, JobState, JobStatus, QueueStats};

const STATUS: &str = concat!(
    "select j.kind, j.queue, j.max_attempts, j.tenant_id,
        r.attempt, l.attempt, l.run_at, d.attempt, d.state, d.reason,
        e.attempt, e.failed_at, e.error, h.ids, h.attempts
    from saas_jobs j
    left join saas_jobs_ready r
        on r.queue = j.queue and r.lane = coalesce(j.lane, 0) and r.priority = j.priority and r.id = j.id
    left join saas_jobs_later l on l.id = j.id
    left join saas_jobs_dead d on d.id = j.id
    left join saas_jobs_lease h on h.lease_id = (
        select held.lease_id from saas_jobs_lease held
        where ",
    holds!("held.ids", "?1"),
    " and not exists (select 1 from saas_jobs_done o where o.lease_id = held.lease_id and ",
    holds!("o.ids", "?1"),
    ") limit 1
    )
    left join saas_jobs_error e on e.id = j.id
        and e.attempt = (select max(attempt) from saas_jobs_error where id = j.id)
    where j.id = ?1 and (?2 is null or j.tenant_id = ?2)"
);

const STATS: &str = "
    select queue, sum(ready), sum(later), 0, sum(dead), min(oldest)
    from (
        select queue, count(*) as ready, 0 as later, 0 as dead, min(id) as oldest
            from saas_jobs_ready group by queue
        union all
        select queue, 0, count(*), 0, null from saas_jobs_later group by queue
        union all
        select j.queue, 0, 0, count(*), null
            from saas_jobs_dead d join saas_jobs j on j.id = d.id group by j.queue
    )
    group by queue order by queue";

const LEASES: &str = "select lease_id, ids from saas_jobs_lease";

const QUEUE_OF: &str = "select queue from saas_jobs where id = ?1";

const WAITING: &str = "
    select j.id, j.version, j.args, j.queue, j.priority, j.tenant_id, j.trace,
        coalesce(r.attempt, l.attempt), l.run_at
    from saas_jobs j
    left join saas_jobs_ready r
        on r.queue = j.queue and r.lane = coalesce(j.lane, 0) and r.priority = j.priority and r.id = j.id
    left join saas_jobs_later l on l.id = j.id
    where j.kind = ?1 and (r.id is not null or l.id is not null)
    order by j.id";

impl Inspects for Sqlite {
    fn status(
        conn: &mut SqliteConnection,
        job: Uuid,
        tenant: Option<Uuid>,
        how: Statements,
    ) -> Answer<'_, Option<JobStatus>> {
        Box::pin(async move {
            let query = sqlx::query(STATUS).persistent(named(how)).bind(job).bind(tenant);
            query
                .fetch_optional(conn)
                .await?
                .map(|row| status(JobId::from_uuid(job), &row))
                .transpose()
        })
    }

    fn stats(conn: &mut SqliteConnection, how: Statements) -> Answer<'_, Vec<QueueStats>> {
        Box::pin(async move {
            let rows = sqlx::query(STATS).persistent(named(how)).fetch_all(&mut *conn).await?;
            let mut queues = rows.iter().map(stats).collect::<Result<Vec<_>, _>>()?;
            // Differs: what is packed in a blob is counted here.
            let leases: Vec<(Uuid, Vec<u8>)> =
                sqlx::query_as(LEASES).persistent(named(how)).fetch_all(&mut *conn).await?;
            for (lease, ids) in leases {
                let recorded = Self::recorded(&mut *conn, &[lease], how).await?;
                let running = unpack_ids(&ids)
                    .filter(|id| !recorded.contains(&(lease, *id)))
                    .collect::<Vec<_>>();
                let Some(first) = running.first() else { continue };
                // A lease is of one queue.
                let query = sqlx::query_scalar(QUEUE_OF).persistent(named(how)).bind(first);
                let Some(queue) = query.fetch_optional(&mut *conn).await? else { continue };
                add_running(&mut queues, queue, running.len() as u64);
            }
            Ok(queues)
        })
    }

    fn waiting<'c>(
        conn: &'c mut SqliteConnection,
        kind: &'c str,
        how: Statements,
    ) -> Answer<'c, Vec<WaitingJob>> {
        Box::pin(async move {
            let query = sqlx::query(WAITING).persistent(named(how)).bind(kind);
            query.fetch_all(conn).await?.iter().map(waiting).collect()
        })
    }
}

fn status(id: JobId, row: &SqliteRow) -> Result<JobStatus, sqlx::Error> {
    let attempt_of =
        |column: usize| Ok::<_, sqlx::Error>(row.try_get::<Option<i16>, _>(column)?.map(count));
    let (ready, later) = (attempt_of(4)?, attempt_of(5)?);
    let (dead, failed) = (attempt_of(7)?, attempt_of(10)?);
    let dead_state: Option<i16> = row.try_get(8)?;
    let (held, attempts): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.try_get(13)?, row.try_get(14)?);
    let index = held.and_then(|ids| unpack_ids(&ids).position(|held| held == id.uuid()));
    let running = index.map(|index| count(attempt_at(attempts.as_deref(), index)));
    let (state, attempt) = match (ready, later, running, dead) {
        (Some(attempt), ..) => (JobState::Ready, attempt),
        (_, Some(attempt), ..) => (JobState::Scheduled, attempt),
        (_, _, Some(before), _) => (JobState::Running, before.saturating_add(1)),
        (.., Some(attempt)) if dead_state == Some(CANCELLED) => (JobState::Cancelled, attempt),
        (.., Some(attempt)) => (JobState::Dead, attempt),
        // Nowhere else: what is not waiting, running or dead has succeeded.
        _ => (JobState::Done, failed.unwrap_or(0).saturating_add(1)),
    };
    let last_error = match failed {
        Some(attempt) => {
            Some(LastError { attempt, at: moment(row.try_get(11)?)?, error: row.try_get(12)? })
        }
        None => None,
    };
    Ok(JobStatus {
        id,
        kind: row.try_get(0)?,
        queue: row.try_get(1)?,
        state,
        attempt,
        max_attempts: count(row.try_get(2)?),
        tenant: row.try_get::<Option<TenantId>, _>(3)?,
        created_at: id.created_at(),
        run_at: row.try_get::<Option<i64>, _>(6)?.map(moment).transpose()?,
        reason: row.try_get(9)?,
        last_error,
    })
}

fn waiting(row: &SqliteRow) -> Result<WaitingJob, sqlx::Error> {
    Ok(WaitingJob {
        id: row.try_get(0)?,
        version: row.try_get(1)?,
        args: row.try_get(2)?,
        queue: row.try_get(3)?,
        priority: row.try_get(4)?,
        tenant: row.try_get(5)?,
        trace: row.try_get(6)?,
        attempts: count(row.try_get(7)?),
        run_at: row.try_get::<Option<i64>, _>(8)?.map(moment).transpose()?,
    })
}

fn stats(row: &SqliteRow) -> Result<QueueStats, sqlx::Error> {
    let amount = |column: usize| {
        Ok::<_, sqlx::Error>(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0))
    };
    Ok(QueueStats {
        queue: row.try_get(0)?,
        ready: amount(1)?,
        scheduled: amount(2)?,
        running: amount(3)?,
        dead: amount(4)?,
        oldest: row.try_get::<Option<JobId>, _>(5)?.and_then(JobId::created_at),
    })
}

fn add_running(queues: &mut Vec<QueueStats>, queue: String, running: u64) {
    match queues.iter_mut().find(|stats| stats.queue == queue) {
        Some(stats) => stats.running += running,
        None => queues.push(QueueStats {
            queue,
            ready: 0,
            scheduled: 0,
            running,
            dead: 0,
            oldest: None,
        }),
    }
}
