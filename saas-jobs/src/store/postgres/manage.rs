use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres, Row};
use uuid::Uuid;

use super::named;
use crate::store::{Answer, CANCELLED, Manages, Which, count};
use crate::{DeadJob, JobId};

/// Dead letters that a filter lets through; a filter that is null lets all of them.
macro_rules! letters {
    ($columns:literal) => {
        concat!(
            "select ",
            $columns,
            " from saas.jobs_dead d join saas.jobs j on j.id = d.id
            where d.state = 1 and ($1::uuid is null or d.id = $1)
                and ($2::text is null or j.queue = $2) and ($3::text is null or j.kind = $3)
                and ($4::uuid is null or j.tenant_id = $4)
                and ($5::timestamptz is null or (d.died_at, d.id) < ($5, $6))
            order by d.died_at desc, d.id desc limit $7"
        )
    };
}

const DEAD: &str = letters!(
    "d.id, j.kind, j.queue, j.tenant_id, d.died_at, d.attempt, d.reason, j.version, j.args::text"
);

// Whoever acts on the same letters at the same time has the others.
const REDRIVE: &str = concat!(
    "with picked as materialized (",
    letters!("d.id"),
    " for update of d skip locked), taken as (
        delete from saas.jobs_dead where id in (select id from picked) returning id
    ), errors as (
        delete from saas.jobs_error where id in (select id from taken)
    )
    insert into saas.jobs_ready (id, lane, priority, queue)
    select j.id, coalesce(j.lane, 0), j.priority, j.queue
    from saas.jobs j where j.id in (select id from taken)"
);

const DISCARD: &str = concat!(
    "with picked as materialized (",
    letters!("d.id"),
    " for update of d skip locked), taken as (
        delete from saas.jobs_dead where id in (select id from picked) returning id
    ), errors as (
        delete from saas.jobs_error where id in (select id from taken)
    ), steps as (
        delete from saas.jobs_step where id in (select id from taken)
    ), keys as (
        delete from saas.jobs_unique where id in (select id from taken)
    )
    delete from saas.jobs where id in (select id from taken)"
);

// Whoever claims it at this moment has locked its row; then there is nothing left to delete.
macro_rules! waiting {
    ($then:literal) => {
        concat!(
            "with body as (
                select id, queue, coalesce(lane, 0) as lane, priority from saas.jobs
                where id = $1 and ($2::uuid is null or tenant_id = $2)
            ), ready as (
                delete from saas.jobs_ready r using body j
                where r.queue = j.queue and r.lane = j.lane and r.priority = j.priority
                    and r.id = j.id
                returning coalesce(r.attempt, 0::smallint) as attempt
            ), later as (
                delete from saas.jobs_later l using body j where l.id = j.id returning l.attempt
            ), waiting as (
                select attempt from ready union all select attempt from later
            )",
            $then
        )
    };
}

const CANCEL: &str = waiting!(
    " insert into saas.jobs_dead (id, died_at, attempt, state, reason)
    select $1, $3, attempt, $4, $5 from waiting"
);

const RESCHEDULE: &str = waiting!(
    ", now_ready as (
        insert into saas.jobs_ready (id, lane, priority, attempt, queue)
        select id, lane, priority, attempt, queue from body, waiting where $3::timestamptz is null
        returning id
    ), now_later as (
        insert into saas.jobs_later (id, run_at, lane, priority, attempt, queue)
        select id, $3, lane, priority, attempt, queue from body, waiting where $3 is not null
        returning id
    )
    select exists (select from now_ready union all select from now_later)"
);

impl Manages for Postgres {
    fn dead<'c>(
        conn: &'c mut PgConnection,
        which: &'c Which,
        most: i64,
        how: Statements,
    ) -> Answer<'c, Vec<DeadJob>> {
        Box::pin(async move {
            let rows = filter(DEAD, which, most, how).fetch_all(conn).await?;
            rows.iter().map(dead).collect()
        })
    }

    fn redrive<'c>(
        conn: &'c mut PgConnection,
        which: &'c Which,
        most: i64,
        how: Statements,
    ) -> Answer<'c, u64> {
        Box::pin(async move {
            Ok(filter(REDRIVE, which, most, how).execute(conn).await?.rows_affected())
        })
    }

    fn discard<'c>(
        conn: &'c mut PgConnection,
        which: &'c Which,
        most: i64,
        how: Statements,
    ) -> Answer<'c, u64> {
        Box::pin(async move {
            Ok(filter(DISCARD, which, most, how).execute(conn).await?.rows_affected())
        })
    }

    fn cancel<'c>(
        conn: &'c mut PgConnection,
        id: Uuid,
        tenant: Option<Uuid>,
        reason: &'c str,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query(CANCEL).persistent(named(how)).bind(id).bind(tenant).bind(now);
            Ok(query.bind(CANCELLED).bind(reason).execute(conn).await?.rows_affected() == 1)
        })
    }

    fn reschedule(
        conn: &mut PgConnection,
        id: Uuid,
        tenant: Option<Uuid>,
        run_at: Option<DateTime<Utc>>,
        how: Statements,
    ) -> Answer<'_, bool> {
        Box::pin(async move {
            let query = sqlx::query_scalar(RESCHEDULE).persistent(named(how)).bind(id);
            query.bind(tenant).bind(run_at).fetch_one(conn).await
        })
    }
}

fn filter(
    statement: &'static str,
    which: &Which,
    most: i64,
    how: Statements,
) -> Query<'static, Postgres, PgArguments> {
    let query = sqlx::query(statement).persistent(named(how)).bind(which.id);
    let query = query.bind(which.queue.clone()).bind(which.kind.clone()).bind(which.tenant);
    let (died_at, id) = which.before.unzip();
    query.bind(died_at).bind(id).bind(most)
}

fn dead(row: &PgRow) -> Result<DeadJob, sqlx::Error> {
    Ok(DeadJob {
        id: JobId::from_uuid(row.try_get(0)?),
        kind: row.try_get(1)?,
        queue: row.try_get(2)?,
        tenant: row.try_get(3)?,
        died_at: row.try_get(4)?,
        attempt: count(row.try_get(5)?),
        reason: row.try_get(6)?,
        version: row.try_get(7)?,
        args: row.try_get(8)?,
    })
}
