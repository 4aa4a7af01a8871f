//! Single reads against reads of a table without row-level security.

use saas_tenancy::{Direction, Registry, TenantDb};
use sqlx::{PgPool, Postgres};

use super::Invoice;
use super::table::Key;
use crate::database::Database;
use crate::measure::{in_turns, micros};
use crate::{Result, Size};

pub(super) async fn run(database: &Database, size: Size, keys: &[Key]) -> Result<()> {
    // One connection for both: where the scheduler puts a server process makes more of a difference
    // than what is measured.
    let bare = database.app(1).await?;
    let db = TenantDb::connect(bare.clone(), Registry::new().register::<Invoice>()).await?;
    let (rounds, calls) = (size.pick(4001, 1001), 20);
    let key = |call: usize| keys[call % keys.len()];

    let (found, same) = (point(&db, keys[0]).await?, point_by_hand(&bare, keys[0]).await?);
    assert!(found.is_some() && found == same, "both find the same row");
    in_turns(
        rounds,
        async |round| {
            micros(round, calls, async |call| point(&db, key(call)).await.map(drop)).await
        },
        async |round| {
            micros(round, calls, async |call| point_by_hand(&bare, key(call)).await.map(drop)).await
        },
    )
    .await?
    .report("tenancy/point_read", "time_per_read", "us")?;

    let (found, same) = (list(&db, keys[0]).await?, list_by_hand(&bare, keys[0]).await?);
    assert!(!found.is_empty() && found == same, "both find the same rows");
    in_turns(
        rounds,
        async |round| micros(round, calls, async |call| list(&db, key(call)).await.map(drop)).await,
        async |round| {
            micros(round, calls, async |call| list_by_hand(&bare, key(call)).await.map(drop)).await
        },
    )
    .await?
    .report("tenancy/list", "time_per_read", "us")
}

pub(super) async fn point(db: &TenantDb<Postgres>, (tenant, id): Key) -> Result<Option<Invoice>> {
    Ok(db.read(tenant).select::<Invoice>().by_id(id).optional().await?)
}

const POINT: &str = "
    select id, tenant_id, number, status, total_minor, note, version, created_at, updated_at
    from bare_invoices
    where tenant_id = $1 and id = $2";

async fn point_by_hand(pool: &PgPool, (tenant, id): Key) -> Result<Option<Invoice>> {
    Ok(sqlx::query_as(POINT).bind(tenant).bind(id).fetch_optional(pool).await?)
}

async fn list(db: &TenantDb<Postgres>, (tenant, id): Key) -> Result<Vec<Invoice>> {
    let before = db.read(tenant).select::<Invoice>().filter(Invoice::ID.lt(id));
    Ok(before.order_by(Invoice::ID, Direction::Desc).limit(20).all().await?)
}

const LIST: &str = "
    select id, tenant_id, number, status, total_minor, note, version, created_at, updated_at
    from bare_invoices
    where tenant_id = $1 and id < $2
    order by id desc
    limit 20";

async fn list_by_hand(pool: &PgPool, (tenant, id): Key) -> Result<Vec<Invoice>> {
    Ok(sqlx::query_as(LIST).bind(tenant).bind(id).fetch_all(pool).await?)
}
