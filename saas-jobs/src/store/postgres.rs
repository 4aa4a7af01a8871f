use chrono::{DateTime, Utc};
use saas_core::TenantId;
use saas_core::sql::Statements;
use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, Postgres, Row};
use uuid::Uuid;

use super::copy::copy;
use super::{
    Answer, CANCELLED, ClaimRequest, Claimed, DONE, Epoch, MOVED, Moved, NewJobs, PRIORITIES,
    Placement, Store, Stranded, count,
};
use crate::status::LastError;
use crate::{JobId, JobState, JobStatus, QueueStats};

/// From how many jobs on COPY is the cheaper way.
const COPY_FROM: usize = 500;

macro_rules! enqueue {
    ($conflict:literal, $into:literal) => {
        concat!(
            "with body as (
                insert into saas.jobs (id, tenant_id, version, priority, max_attempts, kind, queue, args)
                select u.id, $3, $4, $5, $6, $7, $8, u.args::json
                from unnest($1::uuid[], $2::text[]) u(id, args)",
            $conflict,
            " returning id
            )",
            $into
        )
    };
}

macro_rules! enqueue_one {
    ($conflict:literal, $into:literal) => {
        concat!(
            "with body as (
                insert into saas.jobs (id, tenant_id, version, priority, max_attempts, kind, queue, args)
                values ($1, $3, $4, $5, $6, $7, $8, $2::json)",
            $conflict,
            " returning id
            )",
            $into
        )
    };
}

/// By whether it is one job, whether its id may be taken, and whether it waits.
const fn enqueue_statement(one: bool, once: bool, waits: bool) -> &'static str {
    match (one, once, waits) {
        (true, false, false) => enqueue_one!(
            "",
            " insert into saas.jobs_ready (id, priority, queue) select id, $5, $8 from body"
        ),
        (true, false, true) => enqueue_one!(
            "",
            " insert into saas.jobs_later (id, run_at, priority, queue) select id, $9, $5, $8 from body"
        ),
        (true, true, false) => enqueue_one!(
            " on conflict (id) do nothing",
            " insert into saas.jobs_ready (id, priority, queue) select id, $5, $8 from body"
        ),
        (true, true, true) => enqueue_one!(
            " on conflict (id) do nothing",
            " insert into saas.jobs_later (id, run_at, priority, queue) select id, $9, $5, $8 from body"
        ),
        (false, _, false) => {
            enqueue!(
                "",
                " insert into saas.jobs_ready (id, priority, queue) select id, $5, $8 from body"
            )
        }
        (false, _, true) => enqueue!(
            "",
            " insert into saas.jobs_later (id, run_at, priority, queue) select id, $9, $5, $8 from body"
        ),
    }
}

/// One scan per priority, so that each begins at its own mark: entries of claimed jobs that an old
/// snapshot still pins lie below it and are not walked over. Materialized, or the planner may lock
/// beyond the limit. The limit is a literal: as a parameter it costs the generic plan its index.
/// A worker that was taken for dead gets nothing.
macro_rules! claim {
    ($limit:literal) => {
        concat!(
            "with picked as materialized (
                select * from (select ctid as spot from saas.jobs_ready
                    where queue = $1 and lane = 0 and priority = 1 and id >= $4
                    order by id limit ", $limit, " for update skip locked) p1
                union all
                select * from (select ctid as spot from saas.jobs_ready
                    where queue = $1 and lane = 0 and priority = 2 and id >= $5
                    order by id limit ", $limit, " for update skip locked) p2
                union all
                select * from (select ctid as spot from saas.jobs_ready
                    where queue = $1 and lane = 0 and priority = 3 and id >= $6
                    order by id limit ", $limit, " for update skip locked) p3
                union all
                select * from (select ctid as spot from saas.jobs_ready
                    where queue = $1 and lane = 0 and priority = 4 and id >= $7
                    order by id limit ", $limit, " for update skip locked) p4
                limit ", $limit, "
            ), taken as (
                delete from saas.jobs_ready where ctid = any(array(select spot from picked))
                and exists (select from saas.jobs_worker where worker_id = $3)
                returning id, attempt
            ), lease as (
                insert into saas.jobs_lease (lease_id, worker_id, ids, attempts)
                select $2, $3, array_agg(id), case when max(attempt) > 0 then array_agg(attempt) end
                from taken having count(*) > 0
            )
            select taken.id, taken.attempt, j.max_attempts, j.priority, j.version, j.tenant_id, j.kind, j.args
            from taken join saas.jobs j on j.id = taken.id"
        )
    };
}

const CLAIM: [&str; 10] = [
    claim!("1"),
    claim!("2"),
    claim!("4"),
    claim!("8"),
    claim!("16"),
    claim!("32"),
    claim!("64"),
    claim!("128"),
    claim!("256"),
    claim!("512"),
];

const CLOSE: &str = "
    with closed as (delete from saas.jobs_lease where lease_id = any($1) returning lease_id, ids)
    insert into saas.jobs_done (lease_id, finished_at, state, ids)
    select lease_id, $2, $3, ids from closed
    returning lease_id";

// The key-share lock makes a rescue wait or us lose; it lets handlers complete meanwhile.
const PLACE: &str = "
    with closed as (
        delete from saas.jobs_lease where lease_id = any($1) returning lease_id
    ), kept as (
        select lease_id from saas.jobs_lease where lease_id = any($2) for key share
    ), held as materialized (
        select lease_id from closed union all select lease_id from kept
    ), marks as (
        insert into saas.jobs_done (lease_id, finished_at, state, ids)
        select lease_id, $3, m.state, array_agg(m.id)
        from unnest($4::uuid[], $5::uuid[], $6::smallint[]) m(lease_id, id, state)
        join held using (lease_id)
        group by lease_id, m.state
    ), ready as (
        insert into saas.jobs_ready (id, priority, attempt, queue)
        select j.id, j.priority, m.attempt, j.queue
        from unnest($7::uuid[], $8::uuid[], $9::smallint[]) m(lease_id, id, attempt)
        join held using (lease_id) join saas.jobs j on j.id = m.id
        on conflict do nothing
    ), later as (
        insert into saas.jobs_later (id, run_at, priority, attempt, queue)
        select j.id, m.run_at, j.priority, m.attempt, j.queue
        from unnest($10::uuid[], $11::uuid[], $12::smallint[], $13::timestamptz[])
            m(lease_id, id, attempt, run_at)
        join held using (lease_id) join saas.jobs j on j.id = m.id
        on conflict do nothing
    ), dead as (
        insert into saas.jobs_dead (id, died_at, attempt, state, reason)
        select m.id, $3, m.attempt, m.state, m.reason
        from unnest($14::uuid[], $15::uuid[], $16::smallint[], $17::smallint[], $18::text[])
            m(lease_id, id, attempt, state, reason)
        join held using (lease_id)
        on conflict do nothing
    ), errors as (
        insert into saas.jobs_error (id, attempt, failed_at, error)
        select m.id, m.attempt, $3, m.error
        from unnest($19::uuid[], $20::uuid[], $21::smallint[], $22::text[])
            m(lease_id, id, attempt, error)
        join held using (lease_id)
        on conflict do nothing
    )
    select lease_id from held";

// A lost lease raises an error, after which the server turns every COMMIT into a ROLLBACK.
const COMPLETE: &str = "
    with held as (
        select lease_id from saas.jobs_lease where lease_id = $1 and $2 = any(ids) for key share
    ), done as (
        insert into saas.jobs_done (lease_id, finished_at, state, ids)
        select lease_id, $3, $4, array[$2::uuid] from held
    )
    select case when exists (select from held) then true else saas.jobs_fenced() end";

const RECORDED: &str = "
    select lease_id, unnest(ids) from saas.jobs_done where lease_id = any($1)";

const UNLOCKED: &str = "
    with free as (
        select lease_id from saas.jobs_lease where lease_id = any($1) for update skip locked
    )
    select wanted.lease_id from unnest($1) wanted(lease_id)
    where wanted.lease_id in (select lease_id from free)
        or not exists (select from saas.jobs_lease l where l.lease_id = wanted.lease_id)";

const PROMOTE: &str = "
    with due as materialized (
        select ctid as spot from saas.jobs_later where run_at <= $1
        order by run_at limit 512 for update skip locked
    ), taken as (
        delete from saas.jobs_later where ctid = any(array(select spot from due))
        returning id, lane, priority, attempt, queue
    )
    insert into saas.jobs_ready (id, lane, priority, attempt, queue)
    select id, lane, priority, attempt, queue from taken";

const REGISTER: &str = "
    insert into saas.jobs_worker (worker_id, name, started_at, expires_at) values ($1, $2, $3, $4)";

const RENEW: &str = "update saas.jobs_worker set expires_at = $2 where worker_id = $1";

const RETIRE: &str = "
    delete from saas.jobs_worker w where w.worker_id = $1
    and not exists (select from saas.jobs_lease l where l.worker_id = w.worker_id)";

const LAPSED: &str = "
    delete from saas.jobs_worker where worker_id in (
        select worker_id from saas.jobs_worker where expires_at < $1 for update skip locked
    )";

// Locked in a statement of its own: what handlers completed up to the lock is visible to the next.
const LOCK_ORPHANS: &str = "
    select lease_id from saas.jobs_lease l
    where lease_id = any($1)
        or not exists (select from saas.jobs_worker w where w.worker_id = l.worker_id)
    limit 16 for update skip locked";

const STRANDED: &str = "
    select l.lease_id, j.id, coalesce(l.attempts[u.place], 0::smallint), j.max_attempts
    from saas.jobs_lease l
    cross join lateral unnest(l.ids) with ordinality u(id, place)
    join saas.jobs j on j.id = u.id
    where l.lease_id = any($1) and not exists (
        select from saas.jobs_done d where d.lease_id = l.lease_id and u.id = any(d.ids)
    )";

const STATUS: &str = "
    select j.kind, j.queue, j.max_attempts, j.tenant_id,
        r.attempt, l.attempt, l.run_at, d.attempt, d.state, d.reason, x.attempt,
        e.attempt, e.failed_at, e.error
    from saas.jobs j
    left join saas.jobs_ready r
        on r.queue = j.queue and r.lane = 0 and r.priority = j.priority and r.id = j.id
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
    select j.version, j.args::text from saas.jobs j
    where j.kind = $1 and (
        exists (select from saas.jobs_ready r
            where r.queue = j.queue and r.lane = 0 and r.priority = j.priority and r.id = j.id)
        or exists (select from saas.jobs_later l where l.id = j.id)
    )
    order by j.id";

impl Store for Postgres {
    const BEGIN: &'static str = "begin";
    // A vacuum that finds the table empty makes the planner think so until the next analyze, a minute
    // later: it sorts the whole backlog for each claim.
    const BEGIN_STEERED: &'static str = "begin; set local enable_seqscan = off; \
        set local enable_bitmapscan = off; set local enable_sort = off";
    const ONE_STATEMENT: bool = true;

    fn enqueue<'c>(
        conn: &'c mut PgConnection,
        new: &'c NewJobs,
        how: Statements,
    ) -> Answer<'c, u64> {
        Box::pin(async move {
            // Differs: many rows go by COPY, but that takes two statements, which must not part.
            if new.jobs.len() >= COPY_FROM && !new.once && conn.is_in_transaction() {
                return copy(conn, new).await;
            }
            let one = new.jobs.len() == 1;
            let statement = enqueue_statement(one, new.once, new.run_at.is_some());
            let mut query = sqlx::query(statement).persistent(named(how));
            query = match &new.jobs[..] {
                [(id, args)] => query.bind(id).bind(args),
                jobs => {
                    let (ids, args): (Vec<_>, Vec<_>) =
                        jobs.iter().map(|(id, args)| (*id, args.as_str())).unzip();
                    query.bind(ids).bind(args)
                }
            };
            query =
                query.bind(new.tenant).bind(new.version).bind(new.priority).bind(new.max_attempts);
            query = query.bind(new.kind).bind(&new.queue);
            if let Some(run_at) = new.run_at {
                query = query.bind(run_at);
            }
            Ok(query.execute(conn).await?.rows_affected())
        })
    }

    fn claim<'c>(
        conn: &'c mut PgConnection,
        request: &'c ClaimRequest,
        how: Statements,
    ) -> Answer<'c, Vec<Claimed>> {
        Box::pin(async move {
            let statement = CLAIM[request.limit_log2.min(CLAIM.len() - 1)];
            let query = sqlx::query(statement).persistent(named(how)).bind(&request.queue);
            let query = query.bind(request.lease).bind(request.worker);
            let query = request.marks.iter().fold(query, sqlx::query::Query::bind);
            let rows = query.fetch_all(conn).await?;
            let mut jobs = rows.iter().map(claimed).collect::<Result<Vec<_>, _>>()?;
            jobs.sort_unstable_by_key(|job| (job.priority, job.id));
            Ok(jobs)
        })
    }

    fn close<'c>(
        conn: &'c mut PgConnection,
        leases: &'c [Uuid],
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, Vec<Uuid>> {
        Box::pin(async move {
            let query = sqlx::query_scalar(CLOSE).persistent(named(how)).bind(leases).bind(now);
            query.bind(DONE).fetch_all(conn).await
        })
    }

    fn place<'c>(
        conn: &'c mut PgConnection,
        placement: &'c Placement,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, Vec<Uuid>> {
        Box::pin(async move {
            let Placement { closing, staying, done, moved, ready, later, dead, errors } = placement;
            let marks =
                || done.iter().map(|job| (job, DONE)).chain(moved.iter().map(|job| (job, MOVED)));
            let mark_leases: Vec<_> = marks().map(|((lease, _), _)| *lease).collect();
            let mark_ids: Vec<_> = marks().map(|((_, id), _)| *id).collect();
            let mark_states: Vec<_> = marks().map(|(_, state)| state).collect();
            let (ready, later) = (columns(ready), columns(later));
            let (dead, errors) = (columns(dead), columns(errors));
            let states: Vec<_> = dead.3.iter().map(|(state, _)| *state).collect();
            let reasons: Vec<_> = dead.3.iter().map(|(_, reason)| reason.as_str()).collect();
            let run_at: Vec<_> = later.3.iter().map(|at| **at).collect();
            let texts: Vec<_> = errors.3.iter().map(|error| error.as_str()).collect();
            let query = sqlx::query_scalar(PLACE).persistent(named(how));
            let query = query.bind(closing).bind(staying).bind(now);
            let query = query.bind(mark_leases).bind(mark_ids).bind(mark_states);
            let query = query.bind(ready.0).bind(ready.1).bind(ready.2);
            let query = query.bind(later.0).bind(later.1).bind(later.2).bind(run_at);
            let query = query.bind(dead.0).bind(dead.1).bind(dead.2).bind(states).bind(reasons);
            let query = query.bind(errors.0).bind(errors.1).bind(errors.2).bind(texts);
            query.fetch_all(conn).await
        })
    }

    fn complete(
        conn: &mut PgConnection,
        lease: Uuid,
        job: Uuid,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'_, bool> {
        Box::pin(async move {
            let query = sqlx::query_scalar(COMPLETE).persistent(named(how));
            let query = query.bind(lease).bind(job).bind(now).bind(DONE);
            match query.fetch_one(conn).await {
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("SJ001") => {
                    Ok(false)
                }
                answer => answer,
            }
        })
    }

    fn recorded<'c>(
        conn: &'c mut PgConnection,
        leases: &'c [Uuid],
        how: Statements,
    ) -> Answer<'c, Vec<(Uuid, Uuid)>> {
        Box::pin(async move {
            sqlx::query_as(RECORDED).persistent(named(how)).bind(leases).fetch_all(conn).await
        })
    }

    fn unlocked<'c>(
        conn: &'c mut PgConnection,
        leases: &'c [Uuid],
        how: Statements,
    ) -> Answer<'c, Vec<Uuid>> {
        Box::pin(async move {
            sqlx::query_scalar(UNLOCKED).persistent(named(how)).bind(leases).fetch_all(conn).await
        })
    }

    fn promote(conn: &mut PgConnection, now: DateTime<Utc>, how: Statements) -> Answer<'_, u64> {
        Box::pin(async move {
            let query = sqlx::query(PROMOTE).persistent(named(how)).bind(now);
            Ok(query.execute(conn).await?.rows_affected())
        })
    }

    fn register<'c>(
        conn: &'c mut PgConnection,
        epoch: &'c Epoch,
        how: Statements,
    ) -> Answer<'c, ()> {
        Box::pin(async move {
            let query = sqlx::query(REGISTER).persistent(named(how)).bind(epoch.worker);
            query.bind(&epoch.name).bind(epoch.now).bind(epoch.expires_at).execute(conn).await?;
            Ok(())
        })
    }

    fn renew<'c>(
        conn: &'c mut PgConnection,
        epoch: &'c Epoch,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query(RENEW).persistent(named(how)).bind(epoch.worker);
            Ok(query.bind(epoch.expires_at).execute(conn).await?.rows_affected() == 1)
        })
    }

    fn retire(conn: &mut PgConnection, worker: Uuid, how: Statements) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query(RETIRE).persistent(named(how)).bind(worker).execute(conn).await?;
            Ok(())
        })
    }

    fn strand<'c>(
        conn: &'c mut PgConnection,
        now: DateTime<Utc>,
        doubtful: &'c [Uuid],
        how: Statements,
    ) -> Answer<'c, (Vec<Uuid>, Vec<Stranded>)> {
        Box::pin(async move {
            sqlx::query(LAPSED).persistent(named(how)).bind(now).execute(&mut *conn).await?;
            // Differs: rows are locked one by one, and those of a handler in its COMMIT are left
            // for the next time.
            let query = sqlx::query_scalar(LOCK_ORPHANS).persistent(named(how)).bind(doubtful);
            let leases: Vec<Uuid> = query.fetch_all(&mut *conn).await?;
            if leases.is_empty() {
                return Ok((leases, Vec::new()));
            }
            let query = sqlx::query_as(STRANDED).persistent(named(how)).bind(&leases);
            let rows: Vec<(Uuid, Uuid, i16, i16)> = query.fetch_all(conn).await?;
            let jobs = rows.into_iter().map(|(lease, id, attempt, max_attempts)| Stranded {
                lease,
                id,
                attempt,
                max_attempts,
            });
            Ok((leases, jobs.collect()))
        })
    }

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
    ) -> Answer<'c, Vec<(i16, String)>> {
        Box::pin(async move {
            sqlx::query_as(WAITING).persistent(named(how)).bind(kind).fetch_all(conn).await
        })
    }
}

const _: () = assert!(PRIORITIES == 4 && super::MOST_CLAIMED == 1 << (CLAIM.len() - 1));

fn named(how: Statements) -> bool {
    how == Statements::Named
}

fn claimed(row: &PgRow) -> Result<Claimed, sqlx::Error> {
    Ok(Claimed {
        id: row.try_get(0)?,
        attempt: row.try_get(1)?,
        max_attempts: row.try_get(2)?,
        priority: row.try_get(3)?,
        version: row.try_get(4)?,
        tenant: row.try_get(5)?,
        kind: row.try_get(6)?,
        // The type is json, whose wire format is its text.
        args: row.try_get_unchecked(7)?,
    })
}

/// Rows as the arrays that a statement unnests.
fn columns<T>(rows: &[Moved<T>]) -> (Vec<Uuid>, Vec<Uuid>, Vec<i16>, Vec<&T>) {
    (
        rows.iter().map(|row| row.lease).collect(),
        rows.iter().map(|row| row.id).collect(),
        rows.iter().map(|row| row.attempt).collect(),
        rows.iter().map(|row| &row.what).collect(),
    )
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
