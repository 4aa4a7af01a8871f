//! The policy's sub-select against calling the function in it, where no index says which rows are a
//! tenant's: then the policy is asked of each row.

use saas_core::TenantId;
use saas_tenancy::{Options, TenantDb};
use sqlx::{AssertSqlSafe, Postgres};

use crate::database::Database;
use crate::measure::{in_turns, micros};
use crate::{Result, Size};

/// What the policy compares `tenant_id` with, by the name of the table.
const TABLES: [(&str, &str); 2] =
    [("asked_once", "(select saas.tenant_id())"), ("asked_for_each_row", "saas.tenant_id()")];

pub(super) async fn run(database: &Database, size: Size) -> Result<()> {
    let rows = size.pick(500_000, 100_000);
    for (table, tenant) in TABLES {
        database.set_up(set_up(table, tenant, rows, &database.role)).await?;
        database.set_up(format!("vacuum analyze {table}")).await?;
    }
    // The tables have no index on the tenant, which is what verification would refuse.
    let db = TenantDb::connect_unverified(database.app(1).await?, Options::new());
    let tenant = sqlx::query_scalar("select tenant_id from asked_once limit 1");
    let tenant: TenantId = tenant.fetch_one(&database.owner).await?;
    let [once, each] = TABLES.map(|(table, _)| table);
    in_turns(
        size.pick(31, 11),
        async |round| micros(round, 1, async |_| scan(&db, tenant, once).await).await,
        async |round| micros(round, 1, async |_| scan(&db, tenant, each).await).await,
    )
    .await?
    .report("tenancy/policy", &format!("scan_of_{rows}"), "us")
}

async fn scan(db: &TenantDb<Postgres>, tenant: TenantId, table: &'static str) -> Result<()> {
    let mut tx = db.tenant(tenant).await?;
    let count = AssertSqlSafe(format!("select count(*) from {table}"));
    let rows: i64 = sqlx::query_scalar(count).fetch_one(tx.raw()).await?;
    assert!(rows > 0, "the tenant sees its rows");
    Ok(tx.rollback().await?)
}

fn set_up(table: &str, tenant: &str, rows: i32, role: &str) -> String {
    format!(
        "create table {table} as
             select md5('tenant ' || n % 1000)::uuid as tenant_id, n from generate_series(1, {rows}) n;
         alter table {table} enable row level security;
         create policy tenant_isolation on {table} using (tenant_id = {tenant});
         grant select on {table} to \"{role}\""
    )
}
