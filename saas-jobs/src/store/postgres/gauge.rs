use saas_core::sql::Statements;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row};

use super::named;
use crate::store::Answer;
use crate::store::gauge::{Gauge, Gauges};

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
