use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row};
use uuid::Uuid;

use super::named;
use crate::store::Answer;
use crate::store::gauge::{Gauge, Gauges};

const TAKE: &str = "
    insert into saas.jobs_leader as l (duty, holder, term, until) values ('gauges ' || $4, $1, 1, $3)
    on conflict (duty) do update set holder = excluded.holder, until = excluded.until,
        term = l.term + case when l.holder = excluded.holder then 0 else 1 end
    where l.holder = excluded.holder or l.until <= $2";

const LEAVE: &str = "delete from saas.jobs_leader where duty like 'gauges %' and holder = $1";

const GAUGE: &str = "
    select
        (select count(*) from (
            select 1 from saas.jobs_ready where queue = $1 limit 100000
        ) r),
        (select count(*) from (select queue from saas.jobs_later limit 100000) l where l.queue = $1),
        (select coalesce(sum(cardinality(h.ids) - coalesce((
            select sum(cardinality(o.ids)) from saas.jobs_done o where o.lease_id = h.lease_id
        ), 0)), 0)::bigint
            from saas.jobs_lease h join saas.jobs j on j.id = h.ids[1] where j.queue = $1),
        (select count(*) from (select id from saas.jobs_dead limit 10000) d
            join saas.jobs j on j.id = d.id where j.queue = $1)";

// Hops from lane to lane along the index, and looks at the first of each priority there.
const OLDEST: &str = "
    with recursive hop(lane) as (
        (select lane from saas.jobs_ready where queue = $1 order by lane limit 1)
        union all
        select (select r.lane from saas.jobs_ready r
            where r.queue = $1 and r.lane > hop.lane order by r.lane limit 1)
        from hop where hop.lane is not null
    )
    select o.id from (
        select (select r.id from saas.jobs_ready r
            where r.queue = $1 and r.lane = l.lane and r.priority = p.priority
            order by r.id limit 1) as id
        from (select lane from hop where lane is not null limit 2500) l
        cross join (values (1::smallint), (2), (3), (4)) p(priority)
    ) o where o.id is not null order by o.id limit 1";

impl Gauges for Postgres {
    fn take_gauges<'c>(
        conn: &'c mut PgConnection,
        queue: &'c str,
        holder: Uuid,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let query = sqlx::query(TAKE).persistent(named(how)).bind(holder);
            let query = query.bind(now).bind(until).bind(queue);
            Ok(query.execute(conn).await?.rows_affected() == 1)
        })
    }

    fn leave_gauges(conn: &mut PgConnection, holder: Uuid, how: Statements) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query(LEAVE).persistent(named(how)).bind(holder).execute(conn).await?;
            Ok(())
        })
    }

    fn gauge<'c>(conn: &'c mut PgConnection, queue: &'c str, how: Statements) -> Answer<'c, Gauge> {
        Box::pin(async move {
            let query = sqlx::query(GAUGE).persistent(named(how)).bind(queue);
            let amounts: PgRow = query.fetch_one(&mut *conn).await?;
            let query = sqlx::query_scalar(OLDEST).persistent(named(how)).bind(queue);
            let oldest = query.fetch_optional(conn).await?;
            Ok(Gauge {
                ready: amounts.try_get(0)?,
                scheduled: amounts.try_get(1)?,
                running: amounts.try_get(2)?,
                dead: amounts.try_get(3)?,
                oldest,
            })
        })
    }
}
