//! The raw limit: the statements that this layout is made for, and nothing around them.

use serde::Deserialize;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Row};
use uuid::Uuid;

use crate::Result;

const ENQUEUE: &str = "
    with body as (
        insert into saas.jobs (id, version, priority, max_attempts, kind, queue, args)
        select u.id, 1, 2, 20, 'nothing', 'default', u.args::json
        from unnest($1::uuid[], $2::text[]) u(id, args)
        returning id
    )
    insert into saas.jobs_ready (id, priority, queue) select id, 2, 'default' from body";

pub(super) async fn enqueue(pool: &PgPool, chunks: usize, jobs: usize) -> Result<()> {
    for _ in 0..chunks {
        let ids: Vec<_> = (0..jobs).map(|_| Uuid::now_v7()).collect();
        let args: Vec<_> = (0..jobs).map(|n| format!(r#"{{"n":{n}}}"#)).collect();
        sqlx::query(ENQUEUE).bind(ids).bind(args).execute(pool).await?;
    }
    Ok(())
}

const ENQUEUE_ONE: &str = "
    with body as (
        insert into saas.jobs (id, version, priority, max_attempts, kind, queue, args)
        values ($1, 1, 2, 20, 'nothing', 'default', $2::json)
        returning id
    )
    insert into saas.jobs_ready (id, priority, queue) select id, 2, 'default' from body";

pub(super) async fn enqueue_one(conn: &mut PgConnection, n: usize) -> Result<()> {
    let args = format!(r#"{{"n":{n}}}"#);
    sqlx::query(ENQUEUE_ONE).bind(Uuid::now_v7()).bind(args).execute(conn).await?;
    Ok(())
}

/// Drains the queue on so many connections at once.
pub(super) async fn drain(pool: &PgPool, loops: usize) -> Result<()> {
    let loops: Vec<_> = (0..loops).map(|_| tokio::spawn(drain_alone(pool.clone()))).collect();
    for one in loops {
        one.await??;
    }
    Ok(())
}

const CLAIM: &str = "
    with picked as materialized (
        select ctid as spot from saas.jobs_ready
        where queue = 'default' and lane = 0 and priority = 2 and id >= $1
        order by id limit 512 for update skip locked
    ), taken as (
        delete from saas.jobs_ready where ctid = any(array(select spot from picked))
        returning id, coalesce(attempt, 0::smallint) as attempt
    ), lease as (
        insert into saas.jobs_lease (lease_id, worker_id, ids)
        select $2, $3, array_agg(id) from taken having count(*) > 0
    )
    select taken.id, taken.attempt, j.kind, j.args
    from taken join saas.jobs j on j.id = taken.id";

const COMPLETE: &str = "
    with closed as (delete from saas.jobs_lease where lease_id = $1 returning lease_id)
    insert into saas.jobs_done (lease_id, finished_at, state) select lease_id, now(), 1 from closed";

async fn drain_alone(pool: PgPool) -> Result<()> {
    let mut conn = pool.acquire().await?;
    let mut mark = Uuid::nil();
    while batch(&mut conn, &mut mark, |_| {}).await? > 0 {}
    Ok(())
}

/// One batch of whatever there is; how many jobs it was.
pub(super) async fn claim_and_complete(
    conn: &mut PgConnection,
    begin: impl FnMut(usize),
) -> Result<usize> {
    batch(conn, &mut Uuid::nil(), begin).await
}

#[derive(Deserialize)]
struct Args {
    n: usize,
}

/// Claims a batch from `mark` on, begins its jobs, and records them.
async fn batch(
    conn: &mut PgConnection,
    mark: &mut Uuid,
    mut begin: impl FnMut(usize),
) -> Result<usize> {
    let (lease, worker) = (Uuid::now_v7(), Uuid::nil());
    let claim = sqlx::query(CLAIM).bind(*mark).bind(lease).bind(worker);
    let rows = claim.fetch_all(&mut *conn).await?;
    for row in &rows {
        let (id, _): (Uuid, i16) = (row.try_get(0)?, row.try_get(1)?);
        let (_, args): (&str, Json<Args>) = (row.try_get(2)?, row.try_get(3)?);
        *mark = id.max(*mark);
        begin(args.n);
    }
    if !rows.is_empty() {
        sqlx::query(COMPLETE).bind(lease).execute(&mut *conn).await?;
    }
    Ok(rows.len())
}
