use saas_core::sql::Statements;
use sqlx::{Connection, PgConnection, Postgres};

use super::named;
use crate::store::copy::copy;
use crate::store::{Answer, Enqueues, NewJobs};

/// From how many jobs on COPY is the cheaper way.
const COPY_FROM: usize = 500;

macro_rules! enqueue {
    ($conflict:literal, $into:literal) => {
        concat!(
            "with body as (
                insert into saas.jobs (id, tenant_id, version, priority, max_attempts, kind, queue, args, lane, trace)
                select u.id, $3, $4, $5, $6, $7, $8, u.args::json, $9, $10
                from unnest($1::uuid[], $2::text[]) u(id, args)",
            $conflict,
            " returning id
            )",
            $into
        )
    };
}

macro_rules! enqueue_one {
    ($conflict:literal, $into:literal) => {
        concat!(
            "with body as (
                insert into saas.jobs (id, tenant_id, version, priority, max_attempts, kind, queue, args, lane, trace)
                values ($1, $3, $4, $5, $6, $7, $8, $2::json, $9, $10)",
            $conflict,
            " returning id
            )",
            $into
        )
    };
}

/// By whether it is one job, whether its id may be taken, and whether it waits.
const fn enqueue_statement(one: bool, once: bool, waits: bool) -> &'static str {
    match (one, once, waits) {
        (true, false, false) => enqueue_one!(
            "",
            " insert into saas.jobs_ready (id, lane, priority, queue) select id, coalesce($9, 0), $5, $8 from body"
        ),
        (true, false, true) => enqueue_one!(
            "",
            " insert into saas.jobs_later (id, run_at, lane, priority, queue) select id, $11, coalesce($9, 0), $5, $8 from body"
        ),
        (true, true, false) => enqueue_one!(
            " on conflict (id) do nothing",
            " insert into saas.jobs_ready (id, lane, priority, queue) select id, coalesce($9, 0), $5, $8 from body"
        ),
        (true, true, true) => enqueue_one!(
            " on conflict (id) do nothing",
            " insert into saas.jobs_later (id, run_at, lane, priority, queue) select id, $11, coalesce($9, 0), $5, $8 from body"
        ),
        (false, _, false) => {
            enqueue!(
                "",
                " insert into saas.jobs_ready (id, lane, priority, queue) select id, coalesce($9, 0), $5, $8 from body"
            )
        }
        (false, _, true) => enqueue!(
            "",
            " insert into saas.jobs_later (id, run_at, lane, priority, queue) select id, $11, coalesce($9, 0), $5, $8 from body"
        ),
    }
}

impl Enqueues for Postgres {
    fn enqueue<'c>(
        conn: &'c mut PgConnection,
        new: &'c NewJobs,
        how: Statements,
    ) -> Answer<'c, u64> {
        Box::pin(async move {
            // Differs: many rows go by COPY, but that takes two statements, which must not part.
            if new.jobs.len() >= COPY_FROM && !new.once && conn.is_in_transaction() {
                return copy(conn, new).await;
            }
            let one = new.jobs.len() == 1;
            let statement = enqueue_statement(one, new.once, new.run_at.is_some());
            let mut query = sqlx::query(statement).persistent(named(how));
            query = match &new.jobs[..] {
                [(id, args)] => query.bind(id).bind(args),
                jobs => {
                    let (ids, args): (Vec<_>, Vec<_>) =
                        jobs.iter().map(|(id, args)| (*id, args.as_str())).unzip();
                    query.bind(ids).bind(args)
                }
            };
            query =
                query.bind(new.tenant).bind(new.version).bind(new.priority).bind(new.max_attempts);
            query = query.bind(&*new.kind).bind(&new.queue).bind(new.lane);
            query = query.bind(&new.trace);
            if let Some(run_at) = new.run_at {
                query = query.bind(run_at);
            }
            Ok(query.execute(conn).await?.rows_affected())
        })
    }
}
