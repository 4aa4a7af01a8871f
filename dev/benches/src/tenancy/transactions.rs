//! A transaction that reads and writes against the same one by hand.

use saas_tenancy::{Registry, TenantDb};
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::Invoice;
use super::table::Key;
use crate::database::Database;
use crate::measure::{in_turns, micros};
use crate::{Result, Size};

pub(super) async fn run(database: &Database, size: Size, keys: &[Key]) -> Result<()> {
    // Waiting for the disk would hide what the scope costs.
    let by_hand = database.app_without_waits(1).await?;
    let db = TenantDb::connect(by_hand.clone(), Registry::new().register::<Invoice>()).await?;
    let (rounds, calls) = (size.pick(4001, 1001), 10);
    let key = |call: usize| keys[call % keys.len()];
    in_turns(
        rounds,
        async |round| micros(round, calls, async |call| transaction(&db, key(call)).await).await,
        async |round| {
            micros(round, calls, async |call| transaction_by_hand(&by_hand, key(call)).await).await
        },
    )
    .await?
    .report("tenancy/transaction", "time_per_transaction", "us")
}

async fn transaction(db: &TenantDb<Postgres>, (tenant, id): Key) -> Result<()> {
    let mut tx = db.tenant(tenant).await?;
    let invoice = tx.select::<Invoice>().by_id(id).one(&mut tx).await?;
    tx.update(id).set(Invoice::STATUS, "sent").if_version(invoice.version).await?;
    Ok(tx.commit().await?)
}

/// One row, behind the wall.
pub(super) const POINT: &str = "
    select id, tenant_id, number, status, total_minor, note, version, created_at, updated_at
    from invoices
    where tenant_id = $1 and id = $2";

const UPDATE: &str = "
    update invoices
    set status = $1, updated_at = $2, version = version + 1
    where tenant_id = $3 and id = $4 and version = $5
    returning version";

/// Behind the same wall, and opened in one round trip too.
async fn transaction_by_hand(pool: &PgPool, (tenant, id): Key) -> Result<()> {
    let open = format!("begin; select set_config('app.tenant_id', '{tenant}', true)");
    let mut tx = pool.begin_with(QueryBuilder::<Postgres>::new(open).into_sql()).await?;
    let invoice: Invoice = sqlx::query_as(POINT).bind(tenant).bind(id).fetch_one(&mut *tx).await?;
    sqlx::query_scalar::<_, i64>(UPDATE)
        .bind("sent")
        .bind(chrono::Utc::now())
        .bind(tenant)
        .bind(id)
        .bind(invoice.version)
        .fetch_one(&mut *tx)
        .await?;
    Ok(tx.commit().await?)
}
