use saas_core::sql::Statements;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};

use super::named;
use crate::store::Answer;
use crate::store::gauge::{Gauge, Gauges};

const GAUGE: &str = "
    select
        (select count(*) from (
            select 1 from saas_jobs_ready where queue = ?1 limit 100000
        ) r),
        (select count(*) from (select queue from saas_jobs_later limit 100000) l where l.queue = ?1),
        (select coalesce(sum(length(h.ids) / 16 - coalesce((
            select sum(length(o.ids) / 16) from saas_jobs_done o where o.lease_id = h.lease_id
        ), 0)), 0)
            from saas_jobs_lease h join saas_jobs j on j.id = substr(h.ids, 1, 16) where j.queue = ?1),
        (select count(*) from (select id from saas_jobs_dead limit 10000) d
            join saas_jobs j on j.id = d.id where j.queue = ?1)";

// Hops from lane to lane along the index, and looks at the first of each priority there.
const OLDEST: &str = "
    with recursive hop(lane) as (
        select min(lane) from saas_jobs_ready where queue = ?1
        union all
        select (select min(r.lane) from saas_jobs_ready r where r.queue = ?1 and r.lane > hop.lane)
        from hop where hop.lane is not null
    )
    select o.id from (
        select (select r.id from saas_jobs_ready r
            where r.queue = ?1 and r.lane = l.lane and r.priority = p.priority
            order by r.id limit 1) as id
        from (select lane from hop where lane is not null limit 2500) l
        cross join (select 1 as priority union all select 2 union all select 3 union all select 4) p
    ) o where o.id is not null order by o.id limit 1";

impl Gauges for Sqlite {
    fn gauge<'c>(
        conn: &'c mut SqliteConnection,
        queue: &'c str,
        how: Statements,
    ) -> Answer<'c, Gauge> {
        Box::pin(async move {
            let query = sqlx::query(GAUGE).persistent(named(how)).bind(queue);
            let amounts: SqliteRow = query.fetch_one(&mut *conn).await?;
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
