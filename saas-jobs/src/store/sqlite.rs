use chrono::{DateTime, Utc};
use saas_core::TenantId;
use saas_core::sql::Statements;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::packed::{attempt_at, pack_attempts, pack_ids, unpack_ids};
use super::{
    Answer, CANCELLED, ClaimRequest, Claimed, DONE, Epoch, MOST_CLAIMED, MOVED, NewJobs, Placement,
    Store, Stranded, count,
};
use crate::status::LastError;
use crate::{JobId, JobState, JobStatus, QueueStats};

// Differs: an array of any length is one JSON text.
const ENQUEUE: &str = "
    insert into saas_jobs (id, tenant_id, version, priority, max_attempts, kind, queue, args, run_at)
    select unhex(job.value ->> 0), ?2, ?3, ?4, ?5, ?6, ?7, job.value ->> 1, ?8 from json_each(?1) job";

const ENQUEUE_ONE: &str = "
    insert into saas_jobs (id, tenant_id, version, priority, max_attempts, kind, queue, args, run_at)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?9, ?8)";

const ENQUEUE_ONCE: &str = "
    insert into saas_jobs (id, tenant_id, version, priority, max_attempts, kind, queue, args, run_at)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?9, ?8) on conflict (id) do nothing";

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

const CLOSE: &str = "
    insert into saas_jobs_done (lease_id, finished_at, state, ids)
    select lease_id, ?2, ?3, ids from saas_jobs_lease where lease_id = ?1";

const CLOSED: &str = "delete from saas_jobs_lease where lease_id = ?1";

const HELD: &str = "select 1 from saas_jobs_lease where lease_id = ?1";

const MARK: &str = "
    insert into saas_jobs_done (lease_id, finished_at, state, ids) values (?1, ?2, ?3, ?4)";

const PLACE_READY: &str = "
    insert into saas_jobs_ready (id, priority, attempt, queue)
    select id, priority, ?2, queue from saas_jobs where id = ?1 on conflict do nothing";

const PLACE_LATER: &str = "
    insert into saas_jobs_later (id, run_at, priority, attempt, queue)
    select id, ?3, priority, ?2, queue from saas_jobs where id = ?1 on conflict do nothing";

const PLACE_DEAD: &str = "
    insert into saas_jobs_dead (id, died_at, attempt, state, reason) values (?1, ?2, ?3, ?4, ?5)
    on conflict do nothing";

const PLACE_ERROR: &str = "
    insert into saas_jobs_error (id, attempt, failed_at, error) values (?1, ?2, ?3, ?4)
    on conflict do nothing";

const COMPLETE: &str = "
    insert into saas_jobs_done (lease_id, finished_at, state, ids)
    select lease_id, ?3, ?4, ?2 from saas_jobs_lease
    where lease_id = ?1 and instr(ids, ?2) % 16 = 1";

// Differs: an error ends no transaction here, but a deferred foreign key without its parent does.
const FENCE: &str = "insert into saas_jobs_fence (lease_id) values (?1)";

const RECORDED: &str = "select ids from saas_jobs_done where lease_id = ?1";

const PROMOTE_READY: &str = "
    insert into saas_jobs_ready (id, lane, priority, attempt, queue)
    select id, lane, priority, attempt, queue from saas_jobs_later where run_at <= ?1
    order by run_at, id limit ?2";

const PROMOTE_TAKE: &str = "
    delete from saas_jobs_later where id in (
        select id from saas_jobs_later where run_at <= ?1 order by run_at, id limit ?2
    )";

const REGISTER: &str = "
    insert into saas_jobs_worker (worker_id, name, started_at, expires_at) values (?1, ?2, ?3, ?4)";

const RENEW: &str = "update saas_jobs_worker set expires_at = ?2 where worker_id = ?1";

const RETIRE: &str = "
    delete from saas_jobs_worker where worker_id = ?1
    and not exists (select 1 from saas_jobs_lease l where l.worker_id = saas_jobs_worker.worker_id)";

const LAPSED: &str = "delete from saas_jobs_worker where expires_at < ?1";

const ORPHANS: &str = "
    select lease_id, ids, attempts from saas_jobs_lease l
    where lease_id in (select unhex(value) from json_each(?1))
        or not exists (select 1 from saas_jobs_worker w where w.worker_id = l.worker_id)
    limit 16";

const MAX_ATTEMPTS: &str = "select max_attempts from saas_jobs where id = ?1";

const STATUS: &str = "
    select j.kind, j.queue, j.max_attempts, j.tenant_id,
        r.attempt, l.attempt, l.run_at, d.attempt, d.state, d.reason,
        e.attempt, e.failed_at, e.error, h.ids, h.attempts
    from saas_jobs j
    left join saas_jobs_ready r
        on r.queue = j.queue and r.lane = 0 and r.priority = j.priority and r.id = j.id
    left join saas_jobs_later l on l.id = j.id
    left join saas_jobs_dead d on d.id = j.id
    left join saas_jobs_lease h on h.lease_id = (
        select held.lease_id from saas_jobs_lease held
        where instr(held.ids, ?1) % 16 = 1 and not exists (
            select 1 from saas_jobs_done o
            where o.lease_id = held.lease_id and instr(o.ids, ?1) % 16 = 1
        ) limit 1
    )
    left join saas_jobs_error e on e.id = j.id
        and e.attempt = (select max(attempt) from saas_jobs_error where id = j.id)
    where j.id = ?1 and (?2 is null or j.tenant_id = ?2)";

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
    select j.version, j.args from saas_jobs j
    where j.kind = ?1 and (
        exists (select 1 from saas_jobs_ready r
            where r.queue = j.queue and r.lane = 0 and r.priority = j.priority and r.id = j.id)
        or exists (select 1 from saas_jobs_later l where l.id = j.id)
    )
    order by j.id";

impl Store for Sqlite {
    // Differs: a transaction that reads before it writes must have the write lock from the start.
    const BEGIN: &'static str = "begin immediate";
    // Differs: without statistics its planner takes the index.
    const BEGIN_STEERED: &'static str = "begin immediate";
    const ONE_STATEMENT: bool = false;

    fn enqueue<'c>(
        conn: &'c mut SqliteConnection,
        new: &'c NewJobs,
        how: Statements,
    ) -> Answer<'c, u64> {
        Box::pin(async move {
            let query = match (&new.jobs[..], new.once) {
                ([(id, _)], true) => sqlx::query(ENQUEUE_ONCE).bind(id),
                ([(id, _)], false) => sqlx::query(ENQUEUE_ONE).bind(id),
                (jobs, _) => {
                    let rows = jobs.iter().map(|(id, args)| (id.simple().to_string(), args));
                    let rows: Vec<_> = rows.collect();
                    let json = serde_json::to_string(&rows)
                        .map_err(|error| sqlx::Error::Encode(error.into()))?;
                    sqlx::query(ENQUEUE).bind(json)
                }
            };
            let query = query.persistent(named(how)).bind(new.tenant).bind(new.version);
            let query =
                query.bind(new.priority).bind(new.max_attempts).bind(new.kind).bind(&new.queue);
            let mut query = query.bind(new.run_at.map(micros));
            if let [(_, args)] = &new.jobs[..] {
                query = query.bind(args);
            }
            Ok(query.execute(conn).await?.rows_affected())
        })
    }

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
                }
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
            sqlx::query(FENCE).persistent(named(how)).bind(lease).execute(conn).await?;
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

    fn register<'c>(
        conn: &'c mut SqliteConnection,
        epoch: &'c Epoch,
        how: Statements,
    ) -> Answer<'c, ()> {
        Box::pin(async move {
            let query = sqlx::query(REGISTER).persistent(named(how)).bind(epoch.worker);
            let query =
                query.bind(&epoch.name).bind(micros(epoch.now)).bind(micros(epoch.expires_at));
            query.execute(conn).await?;
            Ok(())
        })
    }

    fn renew<'c>(
        conn: &'c mut SqliteConnection,
        epoch: &'c Epoch,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query(RENEW).persistent(named(how)).bind(epoch.worker);
            Ok(query.bind(micros(epoch.expires_at)).execute(conn).await?.rows_affected() == 1)
        })
    }

    fn retire(conn: &mut SqliteConnection, worker: Uuid, how: Statements) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query(RETIRE).persistent(named(how)).bind(worker).execute(conn).await?;
            Ok(())
        })
    }

    fn strand<'c>(
        conn: &'c mut SqliteConnection,
        now: DateTime<Utc>,
        doubtful: &'c [Uuid],
        how: Statements,
    ) -> Answer<'c, (Vec<Uuid>, Vec<Stranded>)> {
        Box::pin(async move {
            sqlx::query(LAPSED)
                .persistent(named(how))
                .bind(micros(now))
                .execute(&mut *conn)
                .await?;
            let query = sqlx::query_as(ORPHANS).persistent(named(how));
            let doubtful: Vec<_> =
                doubtful.iter().map(|lease| lease.simple().to_string()).collect();
            let orphans: Vec<(Uuid, Vec<u8>, Option<Vec<u8>>)> =
                query.bind(serde_json::json!(doubtful)).fetch_all(&mut *conn).await?;
            let leases: Vec<_> = orphans.iter().map(|(lease, ..)| *lease).collect();
            let recorded = Self::recorded(&mut *conn, &leases, how).await?;
            let mut jobs = Vec::new();
            for (lease, ids, attempts) in &orphans {
                for (index, id) in unpack_ids(ids).enumerate() {
                    if recorded.contains(&(*lease, id)) {
                        continue;
                    }
                    let query = sqlx::query_scalar(MAX_ATTEMPTS).persistent(named(how)).bind(id);
                    if let Some(max_attempts) = query.fetch_optional(&mut *conn).await? {
                        let attempt = attempt_at(attempts.as_deref(), index);
                        jobs.push(Stranded { lease: *lease, id, attempt, max_attempts });
                    }
                }
            }
            Ok((leases, jobs))
        })
    }

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
    ) -> Answer<'c, Vec<(i16, String)>> {
        Box::pin(async move {
            sqlx::query_as(WAITING).persistent(named(how)).bind(kind).fetch_all(conn).await
        })
    }
}

fn named(how: Statements) -> bool {
    how == Statements::Named
}

fn micros(moment: DateTime<Utc>) -> i64 {
    moment.timestamp_micros()
}

fn moment(micros: i64) -> Result<DateTime<Utc>, sqlx::Error> {
    DateTime::from_timestamp_micros(micros)
        .ok_or_else(|| sqlx::Error::Decode("no such moment".into()))
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
