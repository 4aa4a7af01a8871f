//! How far an import or an erasure is.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use saas_core::sql::Binds;
use saas_core::{Kind, TenantId};
use serde_json::Value;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Cell, columns};
use crate::migrations::own;
use crate::{Error, Result, TenantBackend, TenantTx};

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Progress {
    /// Which export it is that is imported.
    pub(super) header: String,
    /// Lines that are done; of an erasure, batches.
    pub(super) lines: i64,
    /// Of those lines.
    pub(super) checksum: String,
    pub(super) rows: BTreeMap<String, u64>,
    pub(super) done: bool,
}

pub(super) const IMPORT: &str = "import";
pub(super) const ERASE: &str = "erase";

/// What is known of one, if it has begun.
pub(super) async fn load<DB: TenantBackend>(
    tx: &mut TenantTx<DB>,
    kind: &'static str,
) -> Result<Option<Progress>> {
    let mut query = QueryBuilder::new("select header, lines, checksum, ");
    columns::push_widest(&mut query, "counts", Kind::Json);
    query.push(", done from ").push(own::<DB>("transfers"));
    push_which(&mut query, tx.tenant(), kind);
    let Some(row) = tx.fetch_optional(query).await? else { return Ok(None) };
    let cell = |at, kind| DB::cell(&row, at, kind);
    let text =
        |at| Ok::<_, sqlx::Error>(cell(at, Kind::Text)?.and_then(Cell::text).unwrap_or_default());
    let rows = serde_json::from_str(&text(3)?);
    Ok(Some(Progress {
        header: text(0)?,
        lines: cell(1, Kind::BigInt)?.and_then(Cell::int).unwrap_or_default(),
        checksum: text(2)?,
        rows: rows.map_err(|error| sqlx::Error::Decode(error.into()))?,
        done: cell(4, Kind::Bool)?.and_then(Cell::bool).unwrap_or_default(),
    }))
}

/// Notes that one begins.
pub(super) async fn begin<DB: TenantBackend>(
    tx: &mut TenantTx<DB>,
    kind: &'static str,
    progress: &Progress,
) -> Result<()> {
    let mut query = QueryBuilder::new("insert into ");
    query.push(own::<DB>("transfers"));
    query.push(" (tenant_id, kind, header, lines, checksum, at) values (");
    <DB as Binds<Uuid>>::push_bind(&mut query, &tx.tenant().uuid());
    query.push(", ");
    <DB as Binds<String>>::push_bind(&mut query, &kind.to_owned());
    query.push(", ");
    <DB as Binds<String>>::push_bind(&mut query, &progress.header);
    query.push(", ");
    <DB as Binds<i64>>::push_bind(&mut query, &progress.lines);
    query.push(", ");
    <DB as Binds<String>>::push_bind(&mut query, &progress.checksum);
    query.push(", ");
    <DB as Binds<DateTime<Utc>>>::push_bind(&mut query, &tx.clock().now());
    query.push(") on conflict do nothing");
    changed_one(tx, query).await
}

/// Notes how far it is now, unless somebody else has brought it further. This comes first in a batch's
/// transaction: who is second waits for the first one's batch, and then does nothing.
pub(super) async fn advance<DB: TenantBackend>(
    tx: &mut TenantTx<DB>,
    kind: &'static str,
    from: i64,
    to: &Progress,
) -> Result<()> {
    let mut query = QueryBuilder::new("update ");
    query.push(own::<DB>("transfers")).push(" set lines = ");
    <DB as Binds<i64>>::push_bind(&mut query, &to.lines);
    query.push(", checksum = ");
    <DB as Binds<String>>::push_bind(&mut query, &to.checksum);
    query.push(", counts = ");
    <DB as Binds<Value>>::push_bind(&mut query, &serde_json::json!(to.rows));
    query.push(", done = ");
    <DB as Binds<bool>>::push_bind(&mut query, &to.done);
    query.push(", at = ");
    <DB as Binds<DateTime<Utc>>>::push_bind(&mut query, &tx.clock().now());
    push_which(&mut query, tx.tenant(), kind);
    query.push(" and lines = ");
    <DB as Binds<i64>>::push_bind(&mut query, &from);
    changed_one(tx, query).await
}

/// Forgets whatever was begun for the tenant.
pub(super) async fn forget<DB: TenantBackend>(tx: &mut TenantTx<DB>) -> Result<()> {
    let mut query = QueryBuilder::new("delete from ");
    query.push(own::<DB>("transfers")).push(" where tenant_id = ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &tx.tenant().uuid());
    let statements = tx.statements();
    tx.execute(query, statements).await?;
    Ok(())
}

fn push_which<DB: TenantBackend>(
    query: &mut QueryBuilder<DB>,
    tenant: TenantId,
    kind: &'static str,
) {
    query.push(" where tenant_id = ");
    <DB as Binds<Uuid>>::push_bind(query, &tenant.uuid());
    query.push(" and kind = ");
    <DB as Binds<String>>::push_bind(query, &kind.to_owned());
}

async fn changed_one<DB: TenantBackend>(
    tx: &mut TenantTx<DB>,
    query: QueryBuilder<DB>,
) -> Result<()> {
    let statements = tx.statements();
    let tenant = tx.tenant();
    match tx.execute(query, statements).await? {
        0 => Err(Error::Overtaken { tenant }),
        _ => Ok(()),
    }
}
