//! A single read in pooler-safe mode, through PgBouncer in transaction mode, against what must be
//! said there by hand: a transaction, and an unnamed statement in it.

use saas_tenancy::{Options, Registry, TenantDb};
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::Invoice;
use super::reads::point;
use super::table::{self, Key};
use super::transactions::POINT;
use crate::database::Database;
use crate::measure::{in_turns, micros};
use crate::{Result, Size};

pub(super) async fn run(size: Size) -> Result<()> {
    // A database of its own, and left: the pooler holds on to its connections to it.
    let database = Database::fresh().await;
    let keys = table::fill(&database, 100_000).await?;
    let by_hand = database.pooled(1).await?;
    let registry = Registry::new().register::<Invoice>();
    let options = Options::new().pooler_safe(true);
    let db = TenantDb::connect_with(by_hand.clone(), registry, options).await?;
    let key = |call: usize| keys[call % keys.len()];
    let (found, same) = (point(&db, keys[0]).await?, point_by_hand(&by_hand, keys[0]).await?);
    assert!(found.is_some() && found == same, "both find the same row");
    in_turns(
        size.pick(1001, 201),
        async |round| micros(round, 10, async |call| point(&db, key(call)).await.map(drop)).await,
        async |round| {
            micros(round, 10, async |call| point_by_hand(&by_hand, key(call)).await.map(drop)).await
        },
    )
    .await?
    .report("tenancy/point_read_behind_pgbouncer", "time_per_read", "us")
}

async fn point_by_hand(pool: &PgPool, (tenant, id): Key) -> Result<Option<Invoice>> {
    let open = format!("begin; select set_config('app.tenant_id', '{tenant}', true)");
    let mut tx = pool.begin_with(QueryBuilder::<Postgres>::new(open).into_sql()).await?;
    let query = sqlx::query_as(POINT).bind(tenant).bind(id).persistent(false);
    let found = query.fetch_optional(&mut *tx).await?;
    tx.commit().await?;
    Ok(found)
}
