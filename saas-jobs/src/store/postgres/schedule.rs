use chrono::{DateTime, Utc};
use saas_core::TenantId;
use saas_core::sql::Statements;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row};
use uuid::Uuid;

use super::named;
use crate::store::{Answer, Schedules, count, stored};
use crate::{Missed, StoredSchedule};

const PUT: &str = "
    insert into saas.jobs_cron as c (name, expression, zone, missed, kind, version, args, queue,
        priority, max_attempts, tenant_id, limit_name, in_code, next_at)
    values ($1, $2, $3, $4, $5, $6, $7::json, $8, $9, $10, $11, $12, $13, $14)
    on conflict (name) do update set expression = excluded.expression, zone = excluded.zone,
        missed = excluded.missed, kind = excluded.kind, version = excluded.version,
        args = excluded.args, queue = excluded.queue, priority = excluded.priority,
        max_attempts = excluded.max_attempts, tenant_id = excluded.tenant_id,
        limit_name = excluded.limit_name, in_code = excluded.in_code,
        next_at = case when c.paused then null
            when (c.expression, c.zone) = (excluded.expression, excluded.zone)
            then coalesce(c.next_at, excluded.next_at) else excluded.next_at end";

const PRUNE: &str = "delete from saas.jobs_cron where in_code and name <> all($1)";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select name, expression, zone, missed, kind, version, args::text, queue, priority,
                max_attempts, tenant_id, limit_name, in_code, paused, next_at, last_at
            from saas.jobs_cron ",
            $rest
        )
    };
}

const LIST: &str =
    select!("where name > $1 and ($2::uuid is null or tenant_id = $2) order by name limit $3");

const ONE: &str = select!("where name = $1");

const PAUSE: &str = "update saas.jobs_cron set paused = true, next_at = null where name = $1";

const RESUME: &str = "
    update saas.jobs_cron set paused = false, next_at = $2 where name = $1 and paused";

const DELETE: &str = "delete from saas.jobs_cron where name = $1";

const NEXT: &str = "select min(next_at) from saas.jobs_cron where next_at is not null";

const DUE: &str = select!(
    "where next_at <= $1 and (next_at, name) > ($2, $3) order by next_at, name limit 100
    for update skip locked"
);

const ADVANCE: &str = "update saas.jobs_cron set last_at = $2, next_at = $3 where name = $1";

impl Schedules for Postgres {
    fn put_schedule<'c>(
        conn: &'c mut PgConnection,
        schedule: &'c StoredSchedule,
        how: Statements,
    ) -> Answer<'c, ()> {
        Box::pin(async move {
            let query = sqlx::query(PUT).persistent(named(how)).bind(&schedule.name);
            let query = query.bind(&schedule.expression).bind(&schedule.zone);
            let query = query.bind(schedule.missed.stored()).bind(&schedule.kind);
            let query = query.bind(schedule.version).bind(&schedule.args).bind(&schedule.queue);
            let query = query.bind(i16::from(schedule.priority));
            let query = query.bind(stored(schedule.max_attempts));
            let query = query.bind(schedule.tenant.map(TenantId::uuid)).bind(&schedule.limit);
            let query = query.bind(schedule.in_code).bind(schedule.next_at);
            query.execute(conn).await?;
            Ok(())
        })
    }

    fn prune_schedules<'c>(
        conn: &'c mut PgConnection,
        keep: &'c [String],
        how: Statements,
    ) -> Answer<'c, u64> {
        Box::pin(async move {
            let query = sqlx::query(PRUNE).persistent(named(how)).bind(keep);
            Ok(query.execute(conn).await?.rows_affected())
        })
    }

    fn schedules<'c>(
        conn: &'c mut PgConnection,
        tenant: Option<Uuid>,
        after: &'c str,
        most: i64,
        how: Statements,
    ) -> Answer<'c, Vec<StoredSchedule>> {
        Box::pin(async move {
            let query = sqlx::query(LIST).persistent(named(how)).bind(after).bind(tenant);
            query.bind(most).fetch_all(conn).await?.iter().map(schedule).collect()
        })
    }

    fn stored_schedule<'c>(
        conn: &'c mut PgConnection,
        name: &'c str,
        how: Statements,
    ) -> Answer<'c, Option<StoredSchedule>> {
        Box::pin(async move {
            let query = sqlx::query(ONE).persistent(named(how)).bind(name);
            query.fetch_optional(conn).await?.as_ref().map(schedule).transpose()
        })
    }

    fn pause_schedule<'c>(
        conn: &'c mut PgConnection,
        name: &'c str,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query(PAUSE).persistent(named(how)).bind(name);
            Ok(query.execute(conn).await?.rows_affected() == 1)
        })
    }

    fn resume_schedule<'c>(
        conn: &'c mut PgConnection,
        name: &'c str,
        next: Option<DateTime<Utc>>,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query(RESUME).persistent(named(how)).bind(name).bind(next);
            Ok(query.execute(conn).await?.rows_affected() == 1)
        })
    }

    fn delete_schedule<'c>(
        conn: &'c mut PgConnection,
        name: &'c str,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query(DELETE).persistent(named(how)).bind(name);
            Ok(query.execute(conn).await?.rows_affected() == 1)
        })
    }

    fn next_due(conn: &mut PgConnection, how: Statements) -> Answer<'_, Option<DateTime<Utc>>> {
        Box::pin(sqlx::query_scalar(NEXT).persistent(named(how)).fetch_one(conn))
    }

    fn due_schedules<'c>(
        conn: &'c mut PgConnection,
        now: DateTime<Utc>,
        after: &'c (DateTime<Utc>, String),
        how: Statements,
    ) -> Answer<'c, Vec<StoredSchedule>> {
        Box::pin(async move {
            let query = sqlx::query(DUE).persistent(named(how)).bind(now);
            let query = query.bind(after.0).bind(&after.1);
            query.fetch_all(conn).await?.iter().map(schedule).collect()
        })
    }

    fn advance_schedule<'c>(
        conn: &'c mut PgConnection,
        name: &'c str,
        last: Option<DateTime<Utc>>,
        next: Option<DateTime<Utc>>,
        how: Statements,
    ) -> Answer<'c, ()> {
        Box::pin(async move {
            let query = sqlx::query(ADVANCE).persistent(named(how)).bind(name);
            query.bind(last).bind(next).execute(conn).await?;
            Ok(())
        })
    }
}

fn schedule(row: &PgRow) -> Result<StoredSchedule, sqlx::Error> {
    let tenant: Option<Uuid> = row.try_get(10)?;
    Ok(StoredSchedule {
        name: row.try_get(0)?,
        expression: row.try_get(1)?,
        zone: row.try_get(2)?,
        missed: Missed::from_stored(row.try_get(3)?),
        kind: row.try_get(4)?,
        version: row.try_get(5)?,
        args: row.try_get(6)?,
        queue: row.try_get(7)?,
        priority: u8::try_from(row.try_get::<i16, _>(8)?).unwrap_or(1),
        max_attempts: count(row.try_get(9)?),
        tenant: tenant.map(TenantId::from_uuid),
        limit: row.try_get(11)?,
        in_code: row.try_get(12)?,
        paused: row.try_get(13)?,
        next_at: row.try_get(14)?,
        last_at: row.try_get(15)?,
    })
}
