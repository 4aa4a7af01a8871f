use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row};

use super::named;
use crate::store::{
    Answer, ClaimRequest, Claimed, Claims, MOST_CLAIMED, MOST_LANES, PRIORITIES, SOME_LANES_LOG2,
    Turn,
};

/// Moves what was picked into a lease. A worker that was taken for dead gets nothing.
///
/// It does not wait for the disk: should the server fall over with it, the jobs are ready again, and who
/// ran them is fenced out. Nothing durable can depend on it, since whatever commits later and waits
/// flushes it as well. Under a limit, in a negative lane, it waits, for caps to hold then too.
macro_rules! lease {
    ($($picked:expr),*) => {
        concat!(
            "with recursive ", $($picked,)* ", taken as (
                delete from saas.jobs_ready where ctid = any(array(select spot from picked))
                and exists (select from saas.jobs_worker where worker_id = $3)
                returning id, coalesce(attempt, 0::smallint) as attempt, lane
            ), lease as (
                insert into saas.jobs_lease (lease_id, worker_id, ids, attempts)
                select $2, $3, array_agg(id), case when max(attempt) > 0 then array_agg(attempt) end
                from taken having count(*) > 0 and case when min(lane) < 0 then true
                    else set_config('synchronous_commit', 'off', true) = 'off' end
            )
            select taken.id, taken.attempt, taken.lane, j.max_attempts, j.priority, j.version,
                j.tenant_id, j.kind, j.args, j.trace
            from taken join saas.jobs j on j.id = taken.id"
        )
    };
}

/// One scan per priority, so that each begins at its own mark: entries of claimed jobs that an old
/// snapshot still pins lie below it and are not walked over. Materialized, or the planner may lock
/// beyond the limit. The limit is a literal: as a parameter it costs the generic plan its index.
macro_rules! of_lane {
    ($limit:literal) => {
        lease!(
            "picked as materialized (
                select * from (select ctid as spot from saas.jobs_ready
                    where queue = $1 and lane = $4 and priority = 1 and id >= $5
                    order by id limit ",
            $limit,
            " for update skip locked) p1
                union all
                select * from (select ctid as spot from saas.jobs_ready
                    where queue = $1 and lane = $4 and priority = 2 and id >= $6
                    order by id limit ",
            $limit,
            " for update skip locked) p2
                union all
                select * from (select ctid as spot from saas.jobs_ready
                    where queue = $1 and lane = $4 and priority = 3 and id >= $7
                    order by id limit ",
            $limit,
            " for update skip locked) p3
                union all
                select * from (select ctid as spot from saas.jobs_ready
                    where queue = $1 and lane = $4 and priority = 4 and id >= $8
                    order by id limit ",
            $limit,
            " for update skip locked) p4
                limit ",
            $limit,
            "
            )"
        )
    };
}

macro_rules! picked_of_each {
    ($limit:literal) => {
        concat!(
            "picked as materialized (
                select spot from wanted cross join lateral (
                    select ctid as spot from saas.jobs_ready r
                    where r.queue = $1 and r.lane = wanted.lane
                    order by r.priority, r.id limit ",
            $limit,
            " for update skip locked
                ) p
            )"
        )
    };
}

macro_rules! of_each {
    ($limit:literal) => {
        lease!("wanted(lane) as (select unnest($4::integer[])), ", picked_of_each!($limit))
    };
}

/// Hops from lane to lane along the index, and stops after some.
macro_rules! of_some {
    ($lanes:literal, $limit:literal) => {
        lease!(
            "hop(lane) as (
                (select lane from saas.jobs_ready where queue = $1 and lane >= 0 order by lane limit 1)
                union all
                select (select r.lane from saas.jobs_ready r
                    where r.queue = $1 and r.lane > hop.lane order by r.lane limit 1)
                from hop where hop.lane is not null
            ), wanted(lane) as (select lane from hop where lane is not null limit ", $lanes, "), ",
            picked_of_each!($limit)
        )
    };
}

const OF_LANE: [&str; 10] = [
    of_lane!("1"),
    of_lane!("2"),
    of_lane!("4"),
    of_lane!("8"),
    of_lane!("16"),
    of_lane!("32"),
    of_lane!("64"),
    of_lane!("128"),
    of_lane!("256"),
    of_lane!("512"),
];

const OF_EACH: [&str; 9] = [
    of_each!("1"),
    of_each!("2"),
    of_each!("4"),
    of_each!("8"),
    of_each!("16"),
    of_each!("32"),
    of_each!("64"),
    of_each!("128"),
    of_each!("256"),
];

const OF_SOME: [&str; 10] = [
    of_some!("1", "1"),
    of_some!("2", "1"),
    of_some!("4", "1"),
    of_some!("8", "1"),
    of_some!("8", "2"),
    of_some!("8", "4"),
    of_some!("8", "8"),
    of_some!("8", "16"),
    of_some!("8", "32"),
    of_some!("8", "64"),
];

const LANES: &str = "
    with recursive hop(lane) as (
        (select lane from saas.jobs_ready where queue = $1 and lane > $2 order by lane limit 1)
        union all
        select (select r.lane from saas.jobs_ready r
            where r.queue = $1 and r.lane > hop.lane order by r.lane limit 1)
        from hop where hop.lane is not null
    )
    select lane from hop where lane is not null limit 1000";

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

const _: () = assert!(
    PRIORITIES == 4
        && MOST_LANES == 1000
        && SOME_LANES_LOG2 == 3
        && MOST_CLAIMED == 1 << (OF_LANE.len() - 1)
        && OF_SOME.len() == OF_LANE.len()
);

impl Claims for Postgres {
    fn claim<'c>(
        conn: &'c mut PgConnection,
        request: &'c ClaimRequest,
        how: Statements,
    ) -> Answer<'c, Vec<Claimed>> {
        Box::pin(async move {
            let (statements, most_log2): (&[_], _) = match &request.from {
                Turn::Lane { most_log2, .. } => (&OF_LANE, *most_log2),
                Turn::Each { most_log2, .. } => (&OF_EACH, *most_log2),
                Turn::Some { most_log2 } => (&OF_SOME, *most_log2),
            };
            let statement = statements[most_log2.min(statements.len() - 1)];
            let query = sqlx::query(statement).persistent(named(how)).bind(&request.queue);
            let query = query.bind(request.lease).bind(request.worker);
            let query = match &request.from {
                Turn::Lane { lane, marks, .. } => {
                    marks.iter().fold(query.bind(lane), sqlx::query::Query::bind)
                }
                Turn::Each { lanes, .. } => query.bind(lanes),
                Turn::Some { .. } => query,
            };
            let rows = query.fetch_all(conn).await?;
            let mut jobs = rows.iter().map(claimed).collect::<Result<Vec<_>, _>>()?;
            jobs.sort_unstable_by_key(|job| (job.priority, job.id));
            Ok(jobs)
        })
    }

    fn lanes<'c>(
        conn: &'c mut PgConnection,
        queue: &'c str,
        after: i32,
        how: Statements,
    ) -> Answer<'c, Vec<i32>> {
        Box::pin(async move {
            let query = sqlx::query_scalar(LANES).persistent(named(how)).bind(queue);
            query.bind(after).fetch_all(conn).await
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
        lane: row.try_get(2)?,
        max_attempts: row.try_get(3)?,
        priority: row.try_get(4)?,
        version: row.try_get(5)?,
        tenant: row.try_get(6)?,
        kind: row.try_get(7)?,
        // The type is json, whose wire format is its text.
        args: row.try_get_unchecked(8)?,
        trace: row.try_get(9)?,
    })
}
