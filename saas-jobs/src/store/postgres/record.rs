use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::{PgConnection, Postgres};
use uuid::Uuid;

use super::{fenced, named};
use crate::store::{Answer, DONE, MOVED, Moved, Placement, Records};

// Its jobs are not named again: without a lease they have ended. An earlier try that nobody heard of
// has closed what is there already.
const CLOSE: &str = "
    with closed as (
        delete from saas.jobs_lease where lease_id = any($1) returning lease_id
    ), noted as (
        insert into saas.jobs_done (lease_id, finished_at, state) select lease_id, $2, $3 from closed
    )
    select lease_id from closed
    union all
    select lease_id from saas.jobs_done where lease_id = any($1) and ids is null";

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
        insert into saas.jobs_ready (id, lane, priority, attempt, queue)
        select j.id, coalesce(j.lane, 0), j.priority, m.attempt, j.queue
        from unnest($7::uuid[], $8::uuid[], $9::smallint[]) m(lease_id, id, attempt)
        join held using (lease_id) join saas.jobs j on j.id = m.id
        on conflict do nothing
    ), later as (
        insert into saas.jobs_later (id, run_at, lane, priority, attempt, queue)
        select j.id, m.run_at, coalesce(j.lane, 0), j.priority, m.attempt, j.queue
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

// Of two at once for one job, the second waits for the first and breaks a unique index. A lost lease
// raises an error, after which the server turns every COMMIT into a ROLLBACK.
const COMPLETE: &str = "
    with held as (
        select lease_id from saas.jobs_lease l where lease_id = $1 and $2 = any(ids)
            and not exists (
                select from saas.jobs_done d where d.lease_id = l.lease_id and $2 = any(d.ids)
            )
        for key share
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

impl Records for Postgres {
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
            fenced(query.fetch_one(conn).await)
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
