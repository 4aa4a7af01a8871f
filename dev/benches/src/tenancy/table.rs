//! A thousand tenants' invoices, once walled and once bare.

use saas_core::schema::{self, Dialect};
use saas_core::{Id, TenantId};
use saas_tenancy::wall;
use sqlx::Postgres;

use super::Invoice;
use crate::Result;
use crate::database::Database;

/// A row to ask for.
pub(super) type Key = (TenantId, Id<Invoice>);

// Ids ascend in time as those of version 7 do, and a tenant's rows lie scattered over the table.
const ROWS: &str = "
    insert into bare_invoices (tenant_id, id, number, status, total_minor, note, version, created_at, updated_at)
    select md5('tenant ' || n % 1000)::uuid,
        (lpad(to_hex(1760000000000 + n), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
        'INV-' || n, 'draft', n % 100000, case when n % 2 = 0 then 'a note on invoice ' || n end, 1,
        timestamptz '2026-01-01' + n * interval '1 second', timestamptz '2026-01-01' + n * interval '1 second'
    from generate_series(1, ";

/// Fills both tables and returns some of their keys.
pub(super) async fn fill(database: &Database, rows: i32) -> Result<Vec<Key>> {
    eprintln!("tenancy: {rows} rows of 1000 tenants");
    saas_tenancy::migrate::<Postgres>(&mut *database.owner.acquire().await?).await?;
    saas_tenancy::grant(&mut *database.owner.acquire().await?, &database.role).await?;
    database.set_up(wall::Roles::new(&database.role).create()).await?;
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
