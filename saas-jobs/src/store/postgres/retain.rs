use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::{PgConnection, Postgres, Row};
use uuid::Uuid;

use super::named;
use crate::store::{Answer, Cleared, Retains};

// What is neither waiting, held nor lately dead has ended. What leases hold is hashed once. A dead
// letter that is redriven at this moment is no longer there to be deleted, and then keeps its body.
const CLEAR: &str = "
    with old as materialized (
        select id, queue, coalesce(lane, 0) as lane, priority from saas.jobs
        where id > $1 and id < $2 order by id limit 1000
    ), ended as materialized (
        select o.id, d.id is not null as dead from old o
        left join saas.jobs_dead d on d.id = o.id
        where (d.id is null or d.died_at < $3)
            and not exists (select from saas.jobs_ready r where r.queue = o.queue
                and r.lane = o.lane and r.priority = o.priority and r.id = o.id)
            and not exists (select from saas.jobs_later l where l.id = o.id)
            and o.id not in (select unnest(ids) from saas.jobs_lease)
    ), buried as (
        delete from saas.jobs_dead where id in (select id from ended where dead) returning id
    ), over as materialized (
        select id from ended where not dead union all select id from buried
    ), errors as (
        delete from saas.jobs_error where id in (select id from over)
    ), steps as (
        delete from saas.jobs_step where id in (select id from over)
    ), keys as (
        delete from saas.jobs_unique where id in (select id from over)
    ), gone as (
        delete from saas.jobs where id in (select id from over) returning id
    )
    select (select count(*) from gone), (select count(*) from old),
        (select id from old order by id desc limit 1)";

const BATCHES: &str = "
    delete from saas.jobs_done where ctid = any(array(
        select d.ctid from saas.jobs_done d where d.finished_at < $1
            and not exists (select from saas.jobs_lease l where l.lease_id = d.lease_id)
        limit 1000
    ))";

impl Retains for Postgres {
    fn clear(
        conn: &mut PgConnection,
        after: Uuid,
        done: Uuid,
        dead: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'_, Cleared> {
        Box::pin(async move {
            let query = sqlx::query(CLEAR).persistent(named(how)).bind(after).bind(done);
            let row = query.bind(dead).fetch_one(conn).await?;
            let (jobs, seen): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let last: Option<Uuid> = row.try_get(2)?;
            Ok(Cleared { jobs: jobs.unsigned_abs(), next: last.filter(|_| seen == 1000) })
        })
    }

    fn clear_batches(
        conn: &mut PgConnection,
        before: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'_, u64> {
        Box::pin(async move {
            let query = sqlx::query(BATCHES).persistent(named(how)).bind(before);
            Ok(query.execute(conn).await?.rows_affected())
        })
    }
}
