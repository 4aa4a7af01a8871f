use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::{PgConnection, Postgres, Row};
use uuid::Uuid;

use super::named;
use crate::store::{Answer, Holder, Key, Replacement, Uniques};

const TAKE: &str = "
    insert into saas.jobs_unique (kind, tenant_id, key, id, taken_at) values ($1, $2, $3, $4, $5)
    on conflict do nothing";

const LOCK: &str = "
    select id, taken_at from saas.jobs_unique where kind = $1 and tenant_id = $2 and key = $3
    for update";

// A statement of its own, so that it sees what was committed before the lock was taken.
const WHERE: &str = "
    select exists (select from saas.jobs_later l where l.id = $1)
            or exists (select from saas.jobs j join saas.jobs_ready r on r.queue = j.queue
                and r.lane = coalesce(j.lane, 0) and r.priority = j.priority and r.id = j.id
                where j.id = $1),
        exists (select from saas.jobs_lease l where $1 = any(l.ids) and not exists (
            select from saas.jobs_done d where d.lease_id = l.lease_id and $1 = any(d.ids)))";

const PASS: &str = "
    update saas.jobs_unique set id = $4, taken_at = $5
    where kind = $1 and tenant_id = $2 and key = $3";

// Whoever claims it at this moment has locked its row; then there is nothing left to delete.
const REPLACE: &str = "
    with ready as (
        delete from saas.jobs_ready r using saas.jobs j
        where j.id = $1 and r.queue = j.queue and r.lane = coalesce(j.lane, 0)
            and r.priority = j.priority and r.id = j.id
        returning coalesce(r.attempt, 0::smallint) as attempt
    ), later as (
        delete from saas.jobs_later where id = $1 returning attempt
    ), waiting as (
        select attempt from ready union all select attempt from later
    ), body as (
        update saas.jobs set version = $2, args = $3::json
        where id = $1 and exists (select from waiting)
        returning id, queue, coalesce(lane, 0) as lane, priority
    ), now_ready as (
        insert into saas.jobs_ready (id, lane, priority, attempt, queue)
        select id, lane, priority, attempt, queue from body, waiting where $4::timestamptz is null
    ), now_later as (
        insert into saas.jobs_later (id, run_at, lane, priority, attempt, queue)
        select id, $4, lane, priority, attempt, queue from body, waiting where $4 is not null
    )
    select exists (select from body)";

impl Uniques for Postgres {
    fn take_key<'c>(
        conn: &'c mut PgConnection,
        key: &'c Key<'c>,
        id: Uuid,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query(TAKE).persistent(named(how)).bind(key.kind);
            let query = query.bind(key.tenant.unwrap_or_default()).bind(key.key).bind(id).bind(now);
            Ok(query.execute(conn).await?.rows_affected() == 1)
        })
    }

    fn holder<'c>(
        conn: &'c mut PgConnection,
        key: &'c Key<'c>,
        how: Statements,
    ) -> Answer<'c, Option<Holder>> {
        Box::pin(async move {
            let query = sqlx::query_as(LOCK).persistent(named(how)).bind(key.kind);
            let query = query.bind(key.tenant.unwrap_or_default()).bind(key.key);
            let held: Option<(Uuid, DateTime<Utc>)> = query.fetch_optional(&mut *conn).await?;
            let Some((id, taken_at)) = held else { return Ok(None) };
            let row = sqlx::query(WHERE).persistent(named(how)).bind(id).fetch_one(conn).await?;
            Ok(Some(Holder { id, taken_at, waits: row.try_get(0)?, runs: row.try_get(1)? }))
        })
    }

    fn pass_key<'c>(
        conn: &'c mut PgConnection,
        key: &'c Key<'c>,
        id: Uuid,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, ()> {
        Box::pin(async move {
            let query = sqlx::query(PASS).persistent(named(how)).bind(key.kind);
            let query = query.bind(key.tenant.unwrap_or_default()).bind(key.key).bind(id).bind(now);
            query.execute(conn).await?;
            Ok(())
        })
    }

    fn replace<'c>(
        conn: &'c mut PgConnection,
        replacement: &'c Replacement<'c>,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query_scalar(REPLACE).persistent(named(how)).bind(replacement.id);
            let query = query.bind(replacement.version).bind(replacement.args);
            query.bind(replacement.run_at).fetch_one(conn).await
        })
    }
}
