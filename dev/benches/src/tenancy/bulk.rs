//! Many rows in one statement against the same by hand.

use chrono::{DateTime, Utc};
use saas_core::{Id, TenantId, Timestamps, Version, truncate_to_micros};
use saas_tenancy::{Registry, TenantDb};
use sqlx::{PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use super::Invoice;
use crate::database::Database;
use crate::measure::{in_turns, micros};
use crate::{Result, Size};

const ROWS: usize = 1000;

pub(super) async fn run(database: &Database, size: Size) -> Result<()> {
    let by_hand = database.app_without_waits(1).await?;
    let db = TenantDb::connect(by_hand.clone(), Registry::new().register::<Invoice>()).await?;
    in_turns(
        size.pick(301, 51),
        async |round| {
            let rows = rows(TenantId::new());
            micros(round, 1, async |_| insert(&db, &rows).await).await
        },
        async |round| {
            let rows = rows(TenantId::new());
            micros(round, 1, async |_| insert_by_hand(&by_hand, &rows).await).await
        },
    )
    .await?
    .report("tenancy/bulk_insert", "time_per_1000_rows", "us")
}

/// Rolled back, so that the table does not grow while it is measured.
async fn insert(db: &TenantDb<Postgres>, rows: &[Invoice]) -> Result<()> {
    let mut tx = db.tenant(rows[0].tenant_id).await?;
    tx.insert_all(rows).await?;
    Ok(tx.rollback().await?)
}

const INSERT: &str = "
    insert into invoices (id, number, status, total_minor, note, version, created_at, updated_at, tenant_id)
    select listed.*, $9
    from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[],
        $7::timestamptz[], $8::timestamptz[]) listed";

async fn insert_by_hand(pool: &PgPool, rows: &[Invoice]) -> Result<()> {
    let tenant = rows[0].tenant_id;
    let open = format!("begin; select set_config('app.tenant_id', '{tenant}', true)");
    let mut tx = pool.begin_with(QueryBuilder::<Postgres>::new(open).into_sql()).await?;
    let done = sqlx::query(INSERT)
        .bind(column(rows, |row| row.id.uuid()))
        .bind(column(rows, |row| row.number.as_str()))
        .bind(column(rows, |row| row.status.as_str()))
        .bind(column(rows, |row| row.total_minor))
        .bind(column(rows, |row| row.note.as_deref()))
        .bind(column(rows, |row| row.version.get()))
        .bind(column(rows, |row| row.timestamps.created_at))
        .bind(column(rows, |row| row.timestamps.updated_at))
        .bind(tenant)
        .execute(&mut *tx)
        .await?;
    assert_eq!(done.rows_affected(), ROWS as u64);
    Ok(tx.rollback().await?)
}

fn column<'r, T>(rows: &'r [Invoice], value: impl Fn(&'r Invoice) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

fn rows(tenant: TenantId) -> Vec<Invoice> {
    let now = truncate_to_micros(Utc::now());
    (0..ROWS).map(|number| invoice(tenant, number, now)).collect()
}

pub(super) fn invoice(tenant: TenantId, number: usize, now: DateTime<Utc>) -> Invoice {
    Invoice {
        id: Id::from_uuid(Uuid::now_v7()),
        tenant_id: tenant,
        number: format!("INV-{number}"),
        status: "draft".to_owned(),
        total_minor: 100,
        note: number.is_multiple_of(2).then(|| format!("a note on invoice {number}")),
        version: Version::FIRST,
        timestamps: Timestamps { created_at: now, updated_at: now },
    }
}
