//! The ledger in a tenant's own database or file: `saas.schemas`, on SQLite `saas_schemas`, with one
//! row, which also says whose it is. Every statement runs in the caller's transaction.

use saas_core::TenantId;
use saas_core::schema::Dialect;
use saas_core::sql::{Binds, Reads, Statements};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::fleet::Migrates;
use super::steps::Standing;
use crate::migrations::own;
use crate::{Error, Result};

/// Where the database stands, its row made if it is new, and held until the transaction ends.
pub(super) async fn standing<DB: Migrates>(
    conn: &mut DB::Connection,
    tenant: TenantId,
) -> Result<Standing> {
    if let Some(owner) = another::<DB>(conn, tenant).await? {
        return Err(Error::ForeignDatabase { tenant, owner });
    }
    enrol::<DB>(conn, tenant).await?;
    let mut query = QueryBuilder::<DB>::new("select version, checksum from ");
    query.push(own::<DB>("schemas")).push(" where tenant_id = ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &tenant.uuid());
    // Differs: SQLite has taken the only write lock already.
    query.push(if DB::DIALECT == Dialect::Postgres { " for update" } else { "" });
    let row = DB::fetch_optional(conn, query, Statements::Unnamed).await?;
    let row = row.ok_or(sqlx::Error::RowNotFound)?;
    let (version, checksum) = <DB as Reads<(i64, Vec<u8>)>>::read(&row)?;
    Ok(Standing { version, checksum })
}

/// Who else has a row here, if anybody: it is not the tenant's database then.
async fn another<DB: Migrates>(
    conn: &mut DB::Connection,
    tenant: TenantId,
) -> Result<Option<TenantId>, sqlx::Error> {
    let mut query = QueryBuilder::<DB>::new("select tenant_id from ");
    query.push(own::<DB>("schemas")).push(" where tenant_id <> ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &tenant.uuid());
    let row = DB::fetch_optional(conn, query, Statements::Unnamed).await?;
    let owner = row.as_ref().map(<DB as Reads<(Uuid,)>>::read).transpose()?;
    Ok(owner.map(|(owner,)| TenantId::from_uuid(owner)))
}

async fn enrol<DB: Migrates>(
    conn: &mut DB::Connection,
    tenant: TenantId,
) -> Result<u64, sqlx::Error> {
    let mut query = QueryBuilder::<DB>::new("insert into ");
    query.push(own::<DB>("schemas")).push(match DB::DIALECT {
        Dialect::Postgres => " (name, at, tenant_id) values (current_database(), ",
        Dialect::Sqlite => " (at, tenant_id) values (",
    });
    query.push(now::<DB>()).push(", ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &tenant.uuid());
    query.push(") on conflict (tenant_id) do nothing");
    DB::execute(conn, query, Statements::Unnamed).await
}

/// Writes down how far the database has come.
pub(super) async fn finish<DB: Migrates>(
    conn: &mut DB::Connection,
    tenant: TenantId,
    reached: &Standing,
) -> Result<u64, sqlx::Error> {
    let mut query = QueryBuilder::<DB>::new("update ");
    query.push(own::<DB>("schemas")).push(" set state = 'ready', error = null, version = ");
    <DB as Binds<i64>>::push_bind(&mut query, &reached.version);
    query.push(", checksum = ");
    <DB as Binds<Vec<u8>>>::push_bind(&mut query, &reached.checksum);
    push_attempt(&mut query, tenant);
    DB::execute(conn, query, Statements::Unnamed).await
}

/// Writes down why it came no further, unless somebody else has brought it on meanwhile.
pub(super) async fn fail<DB: Migrates>(
    conn: &mut DB::Connection,
    tenant: TenantId,
    standing: &Standing,
    error: &str,
) -> Result<u64, sqlx::Error> {
    let mut query = QueryBuilder::<DB>::new("update ");
    query.push(own::<DB>("schemas")).push(" set state = 'failed', error = ");
    <DB as Binds<String>>::push_bind(&mut query, &error.to_owned());
    push_attempt(&mut query, tenant);
    query.push(" and version = ");
    <DB as Binds<i64>>::push_bind(&mut query, &standing.version);
    DB::execute(conn, query, Statements::Unnamed).await
}

fn push_attempt<DB: Migrates>(query: &mut QueryBuilder<DB>, tenant: TenantId) {
    query.push(", attempts = attempts + 1, at = ").push(now::<DB>()).push(" where tenant_id = ");
    <DB as Binds<Uuid>>::push_bind(query, &tenant.uuid());
}

fn now<DB: Migrates>() -> &'static str {
    match DB::DIALECT {
        Dialect::Postgres => "now()",
        Dialect::Sqlite => "strftime('%Y-%m-%dT%H:%M:%fZ')",
    }
}
