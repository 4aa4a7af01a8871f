use chrono::{DateTime, Utc};
use saas_core::TenantId;
use saas_core::sql::Binds;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::record::{self, COLUMNS, NewTenant, Record};
use super::{Event, State, names};
use crate::migrations::own;
use crate::{AuditEntry, Error, GlobalTx, Reason, Result, TenantBackend};

/// How the table is called in errors and in audit entries.
pub(super) const TABLE: &str = "saas.tenants";

/// Enters a tenant, which is being provisioned from now on.
///
/// # Errors
/// [`Error::InvalidTenantName`] if a name is none that a host can have; [`Error::Taken`] if the id, the
/// slug or a domain is; [`Error::Unaccountable`] if the reason says nothing.
pub async fn create<DB: TenantBackend>(
    tx: &mut GlobalTx<DB>,
    new: &NewTenant,
    reason: &Reason,
) -> Result<()> {
    reason.check()?;
    let slug = names::slug(&new.slug)?;
    let mut query = QueryBuilder::new("insert into ");
    query.push(own::<DB>("tenants")).push(" (id, slug, state, since, reason) values (");
    <DB as Binds<Uuid>>::push_bind(&mut query, &new.id.uuid());
    query.push(", ");
    <DB as Binds<String>>::push_bind(&mut query, &slug);
    query.push(", 'provisioning', ");
    <DB as Binds<DateTime<Utc>>>::push_bind(&mut query, &tx.clock().now());
    query.push(", ");
    <DB as Binds<String>>::push_bind(&mut query, &reason.text);
    query.push(")");
    let statements = tx.statements();
    tx.execute(query, statements).await.map_err(Error::on(TABLE))?;
    for domain in &new.domains {
        insert_domain(tx, new.id, domain).await?;
    }
    let change = serde_json::json!({ "slug": slug, "reason": reason.text });
    let entry = AuditEntry::new(&*reason.actor, "tenant.created").on_row(TABLE, new.id.uuid());
    tx.audit(entry.change(change)).await
}

/// The tenant of this id.
///
/// # Errors
/// What the database refused.
pub async fn find<DB: TenantBackend>(
    tx: &mut GlobalTx<DB>,
    tenant: TenantId,
) -> Result<Option<Record>> {
    let mut query = select::<DB>();
    query.push(" where id = ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &tenant.uuid());
    tx.fetch_optional(query).await?.map(|row| record::read::<DB>(&row)).transpose()
}

/// Tenants by id, which is the order in which they were entered, from behind `after` on.
///
/// # Errors
/// What the database refused.
pub async fn list<DB: TenantBackend>(
    tx: &mut GlobalTx<DB>,
    after: Option<TenantId>,
    limit: u32,
) -> Result<Vec<Record>> {
    let mut query = select::<DB>();
    if let Some(after) = after {
        query.push(" where id > ");
        <DB as Binds<Uuid>>::push_bind(&mut query, &after.uuid());
    }
    query.push(" order by id limit ").push(limit);
    tx.fetch_all(query).await?.iter().map(record::read::<DB>).collect()
}

/// Tenants that a worker has to [`purge`](super::purge) now: their grace is over, or their purge has
/// begun and not ended.
///
/// # Errors
/// What the database refused.
pub async fn due<DB: TenantBackend>(tx: &mut GlobalTx<DB>, limit: u32) -> Result<Vec<Record>> {
    let mut query = select::<DB>();
    query.push(" where state = 'purging' or (state = 'deleting' and purge_after <= ");
    <DB as Binds<DateTime<Utc>>>::push_bind(&mut query, &tx.clock().now());
    query.push(") order by since, id limit ").push(limit);
    tx.fetch_all(query).await?.iter().map(record::read::<DB>).collect()
}

/// Gives the tenant a host name of its own.
///
/// # Errors
/// [`Error::InvalidTenantName`] if it is none; [`Error::Taken`] if a tenant has it;
/// [`Error::BrokenReference`] if there is no such tenant.
pub async fn add_domain<DB: TenantBackend>(
    tx: &mut GlobalTx<DB>,
    tenant: TenantId,
    domain: &str,
    reason: &Reason,
) -> Result<()> {
    insert_domain(tx, tenant, domain).await?;
    domain_changed(tx, tenant, domain, reason, "tenant.domain_added").await
}

/// Takes a host name from the tenant; whether it had it.
///
/// # Errors
/// What the database refused.
pub async fn remove_domain<DB: TenantBackend>(
    tx: &mut GlobalTx<DB>,
    tenant: TenantId,
    domain: &str,
    reason: &Reason,
) -> Result<bool> {
    let mut query = delete_domains::<DB>(tenant);
    query.push(" and domain = ");
    <DB as Binds<String>>::push_bind(&mut query, &domain.to_ascii_lowercase());
    let statements = tx.statements();
    let removed = tx.execute(query, statements).await? > 0;
    if removed {
        domain_changed(tx, tenant, domain, reason, "tenant.domain_removed").await?;
    }
    Ok(removed)
}

/// Brings the tenant from where it was found to stand to `to`, unless somebody was faster.
pub(super) async fn advance<DB: TenantBackend>(
    tx: &mut GlobalTx<DB>,
    found: &Record,
    event: Event,
    to: State,
    reason: &Reason,
) -> Result<()> {
    reason.check()?;
    let mut query = QueryBuilder::new("update ");
    query.push(own::<DB>("tenants")).push(" set version = version + 1, state = ");
    <DB as Binds<String>>::push_bind(&mut query, &to.name().to_owned());
    query.push(", since = ");
    <DB as Binds<DateTime<Utc>>>::push_bind(&mut query, &tx.clock().now());
    query.push(", purge_after = ");
    <DB as Binds<Option<DateTime<Utc>>>>::push_bind(&mut query, &to.purge_after());
    query.push(", reason = ");
    <DB as Binds<String>>::push_bind(&mut query, &reason.text);
    // Another tenant may have the names of one that is gone.
    query.push(if to == State::Purged { ", slug = null where id = " } else { " where id = " });
    <DB as Binds<Uuid>>::push_bind(&mut query, &found.id.uuid());
    query.push(" and version = ");
    <DB as Binds<i64>>::push_bind(&mut query, &found.version);
    query.push(" and state = ");
    <DB as Binds<String>>::push_bind(&mut query, &found.state.name().to_owned());
    let statements = tx.statements();
    if tx.execute(query, statements).await.map_err(Error::on(TABLE))? == 0 {
        return Err(Error::Overtaken { tenant: found.id });
    }
    if to == State::Purged {
        tx.execute(delete_domains::<DB>(found.id), statements).await?;
    }
    let change = serde_json::json!({
        "state": [found.state.name(), to.name()],
        "reason": reason.text,
        "purge_after": to.purge_after(),
    });
    let entry = AuditEntry::new(&*reason.actor, event.action()).on_row(TABLE, found.id.uuid());
    tx.audit(entry.change(change)).await
}

fn select<DB: TenantBackend>() -> QueryBuilder<DB> {
    let mut query = QueryBuilder::new("select ");
    query.push(COLUMNS).push(" from ").push(own::<DB>("tenants"));
    query
}

async fn insert_domain<DB: TenantBackend>(
    tx: &mut GlobalTx<DB>,
    tenant: TenantId,
    domain: &str,
) -> Result<()> {
    let mut query = QueryBuilder::new("insert into ");
    query.push(own::<DB>("tenant_domains")).push(" (domain, tenant_id) values (");
    <DB as Binds<String>>::push_bind(&mut query, &names::domain(domain)?);
    query.push(", ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &tenant.uuid());
    query.push(")");
    let statements = tx.statements();
    tx.execute(query, statements).await.map_err(Error::on("saas.tenant_domains"))?;
    Ok(())
}

fn delete_domains<DB: TenantBackend>(tenant: TenantId) -> QueryBuilder<DB> {
    let mut query = QueryBuilder::new("delete from ");
    query.push(own::<DB>("tenant_domains")).push(" where tenant_id = ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &tenant.uuid());
    query
}

async fn domain_changed<DB: TenantBackend>(
    tx: &mut GlobalTx<DB>,
    tenant: TenantId,
    domain: &str,
    reason: &Reason,
    action: &str,
) -> Result<()> {
    let change = serde_json::json!({ "domain": domain, "reason": reason.text });
    tx.audit(AuditEntry::new(&*reason.actor, action).on_row(TABLE, tenant.uuid()).change(change))
        .await
}
