use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row};

use super::named;
use crate::store::{Answer, ClaimRequest, Claimed, Claims, MOST_CLAIMED, PRIORITIES};

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

const _: () = assert!(PRIORITIES == 4 && MOST_CLAIMED == 1 << (CLAIM.len() - 1));

impl Claims for Postgres {
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

    fn promote(conn: &mut PgConnection, now: DateTime<Utc>, how: Statements) -> Answer<'_, u64> {
        Box::pin(async move {
            let query = sqlx::query(PROMOTE).persistent(named(how)).bind(now);
            Ok(query.execute(conn).await?.rows_affected())
        })
    }
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
