use saas_core::sql::Statements;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, Row};
use uuid::Uuid;

use super::named;
use crate::Limit;
use crate::limit::{Bounds, Use};
use crate::store::{Answer, LimitedLane, Limits, Taken, Used};

const SET: &str = "
    insert into saas.jobs_limit as l
        (name, at_once, amount, per, tenant_at_once, tenant_amount, tenant_per)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (name) do update set at_once = excluded.at_once, amount = excluded.amount,
        per = excluded.per, tenant_at_once = excluded.tenant_at_once,
        tenant_amount = excluded.tenant_amount, tenant_per = excluded.tenant_per
    where (l.at_once, l.amount, l.per, l.tenant_at_once, l.tenant_amount, l.tenant_per)
        is distinct from (excluded.at_once, excluded.amount, excluded.per,
            excluded.tenant_at_once, excluded.tenant_amount, excluded.tenant_per)";

const LANE: &str = "
    select lane from saas.jobs_lane
    where queue = $1 and limit_name = $2 and tenant_id is not distinct from $3";

const MAKE_LANE: &str = "
    insert into saas.jobs_lane (queue, limit_name, tenant_id) values ($1, $2, $3)
    on conflict do nothing returning lane";

const LANES: &str = "
    with recursive hop(lane) as (
        (select lane from saas.jobs_ready where queue = $1 and lane > $2 and lane < 0
            order by lane limit 1)
        union all
        select (select r.lane from saas.jobs_ready r
            where r.queue = $1 and r.lane > hop.lane and r.lane < 0 order by r.lane limit 1)
        from hop where hop.lane is not null
    )
    select n.lane, n.tenant_id, n.limit_name, l.name is not null, l.at_once, l.amount, l.per,
        l.tenant_at_once, l.tenant_amount, l.tenant_per
    from hop join saas.jobs_lane n on n.lane = hop.lane
    left join saas.jobs_limit l on l.name = n.limit_name
    order by n.lane limit 1000";

const MAKE_USE: &str = "
    insert into saas.jobs_limit_use (limit_name, tenant_id)
    select $1, unnest($2::uuid[]) on conflict do nothing";

const LOCK_USE: &str = "
    select tenant_id, tokens, refilled_at from saas.jobs_limit_use
    where limit_name = $1 and tenant_id = any($2)
    order by tenant_id for update skip locked";

// A statement of its own, so that it sees what was committed before the lock was taken.
const RUNNING: &str = "
    select coalesce(sum(held.jobs), 0)::bigint,
        coalesce(sum(held.jobs) filter (where held.limit_tenant is not distinct from $2), 0)::bigint
    from (
        select l.limit_tenant, cardinality(l.ids) - coalesce((
            select sum(cardinality(d.ids)) from saas.jobs_done d where d.lease_id = l.lease_id
        ), 0) as jobs
        from saas.jobs_lease l where l.limit_name = $1
    ) held";

const TAG: &str = "
    update saas.jobs_lease set limit_name = $2, limit_tenant = $3 where lease_id = $1";

const TAKE: &str = "
    update saas.jobs_limit_use set tokens = $3, refilled_at = $4
    where limit_name = $1 and tenant_id = $2";

impl Limits for Postgres {
    fn set_limit<'c>(
        conn: &'c mut PgConnection,
        limit: &'c Limit,
        how: Statements,
    ) -> Answer<'c, ()> {
        Box::pin(async move {
            let mut query = sqlx::query(SET).persistent(named(how)).bind(&*limit.name);
            for bounds in [limit.all, limit.tenant] {
                query = query.bind(bounds.at_once.map(stored));
                query = query.bind(bounds.rate.map(|(amount, _)| stored(amount)));
                query = query.bind(bounds.rate.map(|(_, per)| per.cast_signed()));
            }
            query.execute(conn).await?;
            Ok(())
        })
    }

    fn limited_lane<'c>(
        conn: &'c mut PgConnection,
        queue: &'c str,
        name: &'c str,
        tenant: Option<Uuid>,
        how: Statements,
    ) -> Answer<'c, i32> {
        Box::pin(async move {
            // Another may have made it in between, and taken it back: then it is made again.
            loop {
                for statement in [LANE, MAKE_LANE] {
                    let query = sqlx::query_scalar(statement).persistent(named(how)).bind(queue);
                    let query = query.bind(name).bind(tenant);
                    if let Some(lane) = query.fetch_optional(&mut *conn).await? {
                        return Ok(lane);
                    }
                }
            }
        })
    }

    fn limited_lanes<'c>(
        conn: &'c mut PgConnection,
        queue: &'c str,
        after: i32,
        how: Statements,
    ) -> Answer<'c, Vec<LimitedLane>> {
        Box::pin(async move {
            let query = sqlx::query(LANES).persistent(named(how)).bind(queue);
            query.bind(after).fetch_all(conn).await?.iter().map(limited_lane).collect()
        })
    }

    fn lock_limit<'c>(
        conn: &'c mut PgConnection,
        lane: &'c LimitedLane,
        how: Statements,
    ) -> Answer<'c, Option<Used>> {
        Box::pin(async move {
            let mut users = vec![Uuid::nil()];
            users.extend(lane.tenant);
            let mut locked = lock(conn, lane, &users, how).await?;
            if locked.len() < users.len() {
                // Held by another, or not there yet; then it is now.
                let query = sqlx::query(MAKE_USE).persistent(named(how)).bind(&lane.name);
                query.bind(&users).execute(&mut *conn).await?;
                locked = lock(conn, lane, &users, how).await?;
            }
            if locked.len() < users.len() {
                return Ok(None);
            }
            let query = sqlx::query(RUNNING).persistent(named(how)).bind(&lane.name);
            let running = query.bind(lane.tenant).fetch_one(conn).await?;
            let of = |user: Uuid, column: usize| {
                let jobs: i64 = running.try_get(column)?;
                let mut used =
                    Use { running: jobs.max(0).unsigned_abs(), tokens: None, refilled_at: None };
                for row in &locked {
                    if row.try_get::<Uuid, _>(0)? == user {
                        (used.tokens, used.refilled_at) = (row.try_get(1)?, row.try_get(2)?);
                    }
                }
                Ok::<_, sqlx::Error>(used)
            };
            let tenant = lane.tenant.unwrap_or(Uuid::nil());
            Ok(Some(Used { all: of(Uuid::nil(), 0)?, tenant: of(tenant, 1)? }))
        })
    }

    fn take_limit<'c>(
        conn: &'c mut PgConnection,
        taken: &'c Taken<'c>,
        how: Statements,
    ) -> Answer<'c, ()> {
        Box::pin(async move {
            let query = sqlx::query(TAG).persistent(named(how)).bind(taken.lease);
            query.bind(taken.name).bind(taken.tenant).execute(&mut *conn).await?;
            let users =
                [(Some(Uuid::nil()), taken.all_tokens), (taken.tenant, taken.tenant_tokens)];
            for (user, tokens) in users {
                let (Some(user), Some(tokens)) = (user, tokens) else { continue };
                let query = sqlx::query(TAKE).persistent(named(how)).bind(taken.name).bind(user);
                query.bind(tokens).bind(taken.now).execute(&mut *conn).await?;
            }
            Ok(())
        })
    }
}

async fn lock(
    conn: &mut PgConnection,
    lane: &LimitedLane,
    users: &[Uuid],
    how: Statements,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let query = sqlx::query(LOCK_USE).persistent(named(how)).bind(&lane.name);
    query.bind(users).fetch_all(conn).await
}

fn stored(amount: u32) -> i32 {
    i32::try_from(amount).unwrap_or(i32::MAX)
}

fn limited_lane(row: &PgRow) -> Result<LimitedLane, sqlx::Error> {
    let bounds = |from: usize| {
        let number = |column: usize| {
            Ok::<_, sqlx::Error>(row.try_get::<Option<i32>, _>(column)?.map(i32::unsigned_abs))
        };
        let per: Option<i64> = row.try_get(from + 2)?;
        let rate = number(from + 1)?.zip(per.map(i64::unsigned_abs));
        Ok::<_, sqlx::Error>(Bounds { at_once: number(from)?, rate })
    };
    let name: String = row.try_get(2)?;
    let limit = match row.try_get(3)? {
        true => Some(Limit { name: name.clone().into(), all: bounds(4)?, tenant: bounds(7)? }),
        false => None,
    };
    Ok(LimitedLane { lane: row.try_get(0)?, tenant: row.try_get(1)?, name, limit })
}
