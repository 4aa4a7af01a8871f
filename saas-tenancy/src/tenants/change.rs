use chrono::{DateTime, Utc};
use saas_core::TenantId;

use super::{Event, State, store};
use crate::{Error, GlobalTx, Reason, Result, TenantBackend};

/// Has an active tenant no longer served; its rows stay as they are.
///
/// # Errors
/// [`Error::UnknownTenant`]; [`Error::Lifecycle`] if it is not active; [`Error::Overtaken`] if another
/// transaction changed it meanwhile.
pub async fn suspend<DB: TenantBackend>(
    tx: &mut GlobalTx<DB>,
    tenant: TenantId,
    reason: &Reason,
) -> Result<State> {
    apply(tx, tenant, Event::Suspend, reason).await
}

/// Has a suspended tenant served again.
///
/// # Errors
/// As [`suspend`].
pub async fn resume<DB: TenantBackend>(
    tx: &mut GlobalTx<DB>,
    tenant: TenantId,
    reason: &Reason,
) -> Result<State> {
    apply(tx, tenant, Event::Resume, reason).await
}

/// Has a tenant no longer served, and gone some time after a moment, unless it is taken back.
///
/// ```no_run
/// # async fn example(db: saas_tenancy::TenantDb<sqlx::Sqlite>, tenant: saas_core::TenantId,
/// #     in_a_month: chrono::DateTime<chrono::Utc>) -> saas_tenancy::Result<()> {
/// use saas_tenancy::{Reason, tenants};
/// let mut tx = db.global().await?;
/// tenants::delete(&mut tx, tenant, in_a_month, &Reason::new("mia@example.com", "contract ended")).await?;
/// tx.commit().await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// As [`suspend`].
pub async fn delete<DB: TenantBackend>(
    tx: &mut GlobalTx<DB>,
    tenant: TenantId,
    purge_after: DateTime<Utc>,
    reason: &Reason,
) -> Result<State> {
    apply(tx, tenant, Event::Delete { purge_after }, reason).await
}

/// Keeps a tenant that was to go; it stays suspended until it is [resumed](resume).
///
/// # Errors
/// As [`suspend`]; also when its purge has begun.
pub async fn take_back<DB: TenantBackend>(
    tx: &mut GlobalTx<DB>,
    tenant: TenantId,
    reason: &Reason,
) -> Result<State> {
    apply(tx, tenant, Event::TakeBack, reason).await
}

/// Looks where the tenant stands, and brings it where the event leads from there.
pub(super) async fn apply<DB: TenantBackend>(
    tx: &mut GlobalTx<DB>,
    tenant: TenantId,
    event: Event,
    reason: &Reason,
) -> Result<State> {
    let found = store::find(tx, tenant).await?.ok_or(Error::UnknownTenant { tenant })?;
    let refused = |source| Error::Lifecycle { tenant, source };
    let to = found.state.after(event).map_err(refused)?;
    store::advance(tx, &found, event, to, reason).await?;
    Ok(to)
}
