use saas_core::sql::Statements;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::{micros, moment, named};
use crate::Limit;
use crate::limit::{Bounds, Use};
use crate::store::{Answer, LimitedLane, Limits, Taken, Used};

const SET: &str = "
    insert into saas_jobs_limit as l
        (name, at_once, amount, per, tenant_at_once, tenant_amount, tenant_per)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    on conflict (name) do update set at_once = excluded.at_once, amount = excluded.amount,
        per = excluded.per, tenant_at_once = excluded.tenant_at_once,
        tenant_amount = excluded.tenant_amount, tenant_per = excluded.tenant_per
    where (l.at_once, l.amount, l.per, l.tenant_at_once, l.tenant_amount, l.tenant_per)
        is distinct from (excluded.at_once, excluded.amount, excluded.per,
            excluded.tenant_at_once, excluded.tenant_amount, excluded.tenant_per)";

const LANE: &str = "
    select lane from saas_jobs_lane where queue = ?1 and limit_name = ?2 and tenant_id = ?3";

const MAKE_LANE: &str = "
    insert into saas_jobs_lane (lane, queue, limit_name, tenant_id)
    select coalesce(min(lane), 0) - 1, ?1, ?2, ?3 from saas_jobs_lane where true
    on conflict do nothing returning lane";

const LANES: &str = "
    with recursive hop(lane) as (
        select min(lane) from saas_jobs_ready where queue = ?1 and lane > ?2 and lane < 0
        union all
        select (select min(r.lane) from saas_jobs_ready r
            where r.queue = ?1 and r.lane > hop.lane and r.lane < 0)
        from hop where hop.lane is not null
    )
    select n.lane, n.tenant_id, n.limit_name, l.name is not null, l.at_once, l.amount, l.per,
        l.tenant_at_once, l.tenant_amount, l.tenant_per
    from hop join saas_jobs_lane n on n.lane = hop.lane
    left join saas_jobs_limit l on l.name = n.limit_name
    order by n.lane limit 1000";

const USE: &str = "
    select tokens, refilled_at from saas_jobs_limit_use where limit_name = ?1 and tenant_id = ?2";

const RUNNING: &str = "
    select l.limit_tenant, (length(l.ids) - coalesce((
        select sum(length(d.ids)) from saas_jobs_done d where d.lease_id = l.lease_id
    ), 0)) / 16
    from saas_jobs_lease l where l.limit_name = ?1";

const TAG: &str = "
    update saas_jobs_lease set limit_name = ?2, limit_tenant = ?3 where lease_id = ?1";

const TAKE: &str = "
    insert into saas_jobs_limit_use (limit_name, tenant_id, tokens, refilled_at)
    values (?1, ?2, ?3, ?4)
    on conflict do update set tokens = excluded.tokens, refilled_at = excluded.refilled_at";

impl Limits for Sqlite {
    fn set_limit<'c>(
        conn: &'c mut SqliteConnection,
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
        conn: &'c mut SqliteConnection,
        queue: &'c str,
        name: &'c str,
        tenant: Option<Uuid>,
        how: Statements,
    ) -> Answer<'c, i32> {
        Box::pin(async move {
            // Another may have made it in between.
            loop {
                for statement in [LANE, MAKE_LANE] {
                    let query = sqlx::query_scalar(statement).persistent(named(how)).bind(queue);
                    let query = query.bind(name).bind(blob(tenant));
                    if let Some(lane) = query.fetch_optional(&mut *conn).await? {
                        return Ok(lane);
                    }
                }
            }
        })
    }

    fn limited_lanes<'c>(
        conn: &'c mut SqliteConnection,
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
        conn: &'c mut SqliteConnection,
        lane: &'c LimitedLane,
        how: Statements,
    ) -> Answer<'c, Option<Used>> {
        Box::pin(async move {
            // Differs: who asks holds the only write lock, so there is nothing else to lock.
            let query = sqlx::query(RUNNING).persistent(named(how)).bind(&lane.name);
            let leases = query.fetch_all(&mut *conn).await?;
            let (mut all, mut tenants) = (0, 0);
            for lease in &leases {
                let jobs = lease.try_get::<i64, _>(1)?.max(0).unsigned_abs();
                all += jobs;
                if lease.try_get::<Option<Uuid>, _>(0)? == lane.tenant {
                    tenants += jobs;
                }
            }
            let tenant = lane.tenant.unwrap_or(Uuid::nil());
            let mut used = Vec::with_capacity(2);
            for (user, running) in [(Uuid::nil(), all), (tenant, tenants)] {
                let query = sqlx::query(USE).persistent(named(how)).bind(&lane.name).bind(user);
                let row = query.fetch_optional(&mut *conn).await?;
                let (tokens, refilled_at) = match &row {
                    Some(row) => (row.try_get(0)?, row.try_get::<Option<i64>, _>(1)?),
                    None => (None, None),
                };
                let refilled_at = refilled_at.map(moment).transpose()?;
                used.push(Use { running, tokens, refilled_at });
            }
            Ok(Some(Used { all: used[0], tenant: used[1] }))
        })
    }

    fn take_limit<'c>(
        conn: &'c mut SqliteConnection,
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
                query.bind(tokens).bind(micros(taken.now)).execute(&mut *conn).await?;
            }
            Ok(())
        })
    }
}

/// No tenant is an empty blob.
fn blob(tenant: Option<Uuid>) -> Vec<u8> {
    tenant.map_or(Vec::new(), |tenant| tenant.as_bytes().to_vec())
}

fn stored(amount: u32) -> i32 {
    i32::try_from(amount).unwrap_or(i32::MAX)
}

fn limited_lane(row: &SqliteRow) -> Result<LimitedLane, sqlx::Error> {
    let bounds = |from: usize| {
        let number = |column: usize| {
            Ok::<_, sqlx::Error>(row.try_get::<Option<i32>, _>(column)?.map(i32::unsigned_abs))
        };
        let per: Option<i64> = row.try_get(from + 2)?;
        let rate = number(from + 1)?.zip(per.map(i64::unsigned_abs));
        Ok::<_, sqlx::Error>(Bounds { at_once: number(from)?, rate })
    };
    let tenant: Vec<u8> = row.try_get(1)?;
    let tenant = tenant.as_chunks::<16>().0;
    let name: String = row.try_get(2)?;
    let limit = match row.try_get(3)? {
        true => Some(Limit { name: name.clone().into(), all: bounds(4)?, tenant: bounds(7)? }),
        false => None,
    };
    Ok(LimitedLane {
        lane: row.try_get(0)?,
        tenant: tenant.first().map(Uuid::from_bytes_ref).copied(),
        name,
        limit,
    })
}
