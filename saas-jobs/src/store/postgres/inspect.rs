use saas_core::TenantId;
use saas_core::sql::Statements;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row};
use uuid::Uuid;

use super::named;
use crate::status::LastError;
use crate::store::{Answer, CANCELLED, Inspects, WaitingJob, count};
use crate::{JobId, JobState, JobStatus, QueueStats};

const STATUS: &str = "
    select j.kind, j.queue, j.max_attempts, j.tenant_id,
        case when r.id is not null then coalesce(r.attempt, 0::smallint) end, l.attempt, l.run_at, d.attempt, d.state, d.reason, x.attempt,
        e.attempt, e.failed_at, e.error
    from saas.jobs j
    left join saas.jobs_ready r
        on r.queue = j.queue and r.lane = coalesce(j.lane, 0) and r.priority = j.priority and r.id = j.id
    left join saas.jobs_later l on l.id = j.id
    left join saas.jobs_dead d on d.id = j.id
    left join lateral (
        select coalesce(h.attempts[array_position(h.ids, j.id)], 0::smallint) as attempt
        from saas.jobs_lease h
        where j.id = any(h.ids) and not exists (
            select from saas.jobs_done o where o.lease_id = h.lease_id and j.id = any(o.ids)
        )
        limit 1
    ) x on true
    left join lateral (
        select attempt, failed_at, error from saas.jobs_error where id = j.id
        order by attempt desc limit 1
    ) e on true
    where j.id = $1 and ($2::uuid is null or j.tenant_id = $2)";

const STATS: &str = "
    select queue, sum(ready)::bigint, sum(later)::bigint, sum(running)::bigint, sum(dead)::bigint,
        min(oldest)::uuid
    from (
        select queue, count(*) as ready, 0 as later, 0 as running, 0 as dead, min(id::text) as oldest
            from saas.jobs_ready group by queue
        union all
        select queue, 0, count(*), 0, 0, null from saas.jobs_later group by queue
        union all
        select j.queue, 0, 0, count(*), 0, null
            from saas.jobs_lease h cross join lateral unnest(h.ids) u(id) join saas.jobs j on j.id = u.id
            where not exists (
                select from saas.jobs_done o where o.lease_id = h.lease_id and u.id = any(o.ids)
            )
            group by j.queue
        union all
        select j.queue, 0, 0, 0, count(*), null
            from saas.jobs_dead d join saas.jobs j on j.id = d.id group by j.queue
    ) parts
    group by queue order by queue";

const WAITING: &str = "
    select j.id, j.version, j.args::text, j.queue, j.priority, j.tenant_id, j.trace,
        coalesce(r.attempt, l.attempt, 0::smallint), l.run_at
    from saas.jobs j
    left join saas.jobs_ready r
        on r.queue = j.queue and r.lane = coalesce(j.lane, 0) and r.priority = j.priority and r.id = j.id
    left join saas.jobs_later l on l.id = j.id
    where j.kind = $1 and (r.id is not null or l.id is not null)
    order by j.id";

impl Inspects for Postgres {
    fn status(
        conn: &mut PgConnection,
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

    fn stats(conn: &mut PgConnection, how: Statements) -> Answer<'_, Vec<QueueStats>> {
        Box::pin(async move {
            let rows = sqlx::query(STATS).persistent(named(how)).fetch_all(conn).await?;
            rows.iter().map(stats).collect()
        })
    }

    fn waiting<'c>(
        conn: &'c mut PgConnection,
        kind: &'c str,
        how: Statements,
    ) -> Answer<'c, Vec<WaitingJob>> {
        Box::pin(async move {
            let query = sqlx::query(WAITING).persistent(named(how)).bind(kind);
            query.fetch_all(conn).await?.iter().map(waiting).collect()
        })
    }
}

fn status(id: JobId, row: &PgRow) -> Result<JobStatus, sqlx::Error> {
    let attempt_of =
        |column: usize| Ok::<_, sqlx::Error>(row.try_get::<Option<i16>, _>(column)?.map(count));
    let (ready, later, running) = (attempt_of(4)?, attempt_of(5)?, attempt_of(10)?);
    let (dead, failed) = (attempt_of(7)?, attempt_of(11)?);
    let dead_state: Option<i16> = row.try_get(8)?;
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
        Some(attempt) => Some(LastError { attempt, at: row.try_get(12)?, error: row.try_get(13)? }),
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
        run_at: row.try_get(6)?,
        reason: row.try_get(9)?,
        last_error,
    })
}

fn waiting(row: &PgRow) -> Result<WaitingJob, sqlx::Error> {
    Ok(WaitingJob {
        id: row.try_get(0)?,
        version: row.try_get(1)?,
        args: row.try_get(2)?,
        queue: row.try_get(3)?,
        priority: row.try_get(4)?,
        tenant: row.try_get(5)?,
        trace: row.try_get(6)?,
        attempts: count(row.try_get(7)?),
        run_at: row.try_get(8)?,
    })
}

fn stats(row: &PgRow) -> Result<QueueStats, sqlx::Error> {
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
