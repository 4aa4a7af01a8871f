use saas_core::TenantId;
use saas_core::schema::Dialect;
use saas_core::sql::{Binds, Reads, Statements};
use sqlx::{Connection, QueryBuilder};
use uuid::Uuid;

use crate::migrations::own;
use crate::{Result, TenantBackend};

/// Removes the tenant's own audit entries; how many there were. What was written of it in global
/// transactions, its suspension for instance, stays.
///
/// [`Transfer::erase`](super::Transfer::erase) leaves them. The connection must be one of the role that
/// owns the tables: the application's cannot.
///
/// ```no_run
/// # async fn example(mut owner: sqlx::PgConnection, tenant: saas_core::TenantId)
/// # -> saas_tenancy::Result<()> {
/// saas_tenancy::transfer::erase_audit::<sqlx::Postgres>(&mut owner, tenant).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::NotGranted`](crate::Error::NotGranted) if the role does not own the table; else what the
/// database refused.
pub async fn erase_audit<DB: TenantBackend>(
    conn: &mut DB::Connection,
    tenant: TenantId,
) -> Result<u64> {
    let mut tx = conn.begin().await?;
    let mut guard = None;
    match DB::DIALECT {
        Dialect::Postgres => {
            // The owner is held to the policies as well.
            let mut query = QueryBuilder::new("select set_config('app.tenant_id', ");
            <DB as Binds<String>>::push_bind(&mut query, &tenant.to_string());
            query.push(", true)");
            DB::execute(&mut tx, query, Statements::Unnamed).await?;
        }
        // Differs: there are no roles, so a trigger keeps the entries from everybody.
        Dialect::Sqlite => {
            let query = QueryBuilder::new(TRIGGER);
            let found = DB::fetch_optional(&mut tx, query, Statements::Unnamed).await?;
            guard = found.as_ref().map(<DB as Reads<(String,)>>::read).transpose()?;
            let drop = QueryBuilder::new("drop trigger if exists saas_audit_delete");
            DB::execute(&mut tx, drop, Statements::Unnamed).await?;
        }
    }
    let mut query = QueryBuilder::new("delete from ");
    query.push(own::<DB>("audit")).push(" where tenant_id = ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &tenant.uuid());
    let gone = DB::execute(&mut tx, query, Statements::Unnamed).await?;
    if let Some((trigger,)) = guard {
        DB::execute(&mut tx, QueryBuilder::new(trigger), Statements::Unnamed).await?;
    }
    tx.commit().await?;
    Ok(gone)
}

const TRIGGER: &str = "select sql from sqlite_schema where name = 'saas_audit_delete'";
