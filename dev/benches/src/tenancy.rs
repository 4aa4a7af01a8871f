//! What a tenant's scope costs: single reads against reads of a table without row-level security,
//! and a transaction against the same one by hand.

use saas_core::schema::{self, Dialect};
use saas_core::{Column, Entity, Id, NotNull, TenantId, Timestamps, Version};
use saas_tenancy::{Direction, Registry, TenantDb, wall};
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder};

use crate::database::Database;
use crate::measure::{in_turns, micros};
use crate::{Result, Size};

#[derive(Debug, PartialEq, Entity, FromRow)]
#[entity(table = "invoices", tenant)]
struct Invoice {
    id: Id<Invoice>,
    tenant_id: TenantId,
    number: String,
    status: String,
    total_minor: i64,
    note: Option<String>,
    #[entity(version)]
    version: Version,
    #[entity(timestamps)]
    #[sqlx(flatten)]
    timestamps: Timestamps,
}

const ID: Column<Invoice, Id<Invoice>, NotNull> = Column::new("id");

/// A row to ask for.
type Key = (TenantId, Id<Invoice>);

pub(crate) async fn run(size: Size) -> Result<()> {
    let database = Database::fresh().await;
    let keys = fill(&database, size).await?;
    reads(&database, size, &keys).await?;
    transactions(&database, size, &keys).await?;
    database.remove().await
}

async fn reads(database: &Database, size: Size, keys: &[Key]) -> Result<()> {
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

async fn transactions(database: &Database, size: Size, keys: &[Key]) -> Result<()> {
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

async fn point(db: &TenantDb<Postgres>, (tenant, id): Key) -> Result<Option<Invoice>> {
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
    let before = db.read(tenant).select::<Invoice>().filter(ID.lt(id));
    Ok(before.order_by(ID, Direction::Desc).limit(20).all().await?)
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

async fn transaction(db: &TenantDb<Postgres>, (tenant, id): Key) -> Result<()> {
    let mut tx = db.tenant(tenant).await?;
    let invoice = tx.select::<Invoice>().by_id(id).one(&mut tx).await?;
    tx.update(id).set(Invoice::STATUS, "sent").if_version(invoice.version).await?;
    Ok(tx.commit().await?)
}

const SELECT: &str = "
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
    let invoice: Invoice = sqlx::query_as(SELECT).bind(tenant).bind(id).fetch_one(&mut *tx).await?;
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

// Ids ascend in time as those of version 7 do, and a tenant's rows lie scattered over the table.
const ROWS: &str = "
    insert into bare_invoices (tenant_id, id, number, status, total_minor, note, version, created_at, updated_at)
    select md5('tenant ' || n % 1000)::uuid,
        (lpad(to_hex(1760000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
        'INV-' || n, 'draft', n % 100000, case when n % 2 = 0 then 'a note on invoice ' || n end, 1,
        timestamptz '2026-01-01' + n * interval '1 second', timestamptz '2026-01-01' + n * interval '1 second'
    from generate_series(1, ";

/// A thousand tenants' invoices, once walled and once bare, and some of their keys.
async fn fill(database: &Database, size: Size) -> Result<Vec<Key>> {
    let rows = size.pick(1_000_000, 100_000);
    eprintln!("tenancy: {rows} rows of 1000 tenants");
    saas_tenancy::migrate::<Postgres>(&mut *database.owner.acquire().await?).await?;
    saas_tenancy::grant(&mut *database.owner.acquire().await?, &database.role).await?;
    let table = schema::table::<Invoice>(Dialect::Postgres);
    database.set_up(table.replace("\"invoices", "\"bare_invoices")).await?;
    database.set_up(format!("{ROWS}{rows}) n")).await?;
    database.set_up(table).await?;
    database.set_up("insert into invoices select * from bare_invoices order by id").await?;
    database.set_up(wall::postgres::<Invoice>(&database.role)).await?;
    database.set_up(format!("grant select on bare_invoices to \"{}\"", database.role)).await?;
    for table in ["invoices", "bare_invoices"] {
        database.set_up(format!("vacuum analyze {table}")).await?;
    }
    // Of the later half, so that before each there are twenty others of its tenant.
    let some = "
        select tenant_id, id from bare_invoices
        where created_at > timestamptz '2026-01-01' + $1 * interval '1 second'
        order by md5(id::text)
        limit 2000";
    Ok(sqlx::query_as(some).bind(rows / 2).fetch_all(&database.owner).await?)
}
