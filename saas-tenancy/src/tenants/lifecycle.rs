use saas_core::TenantId;

use super::change::apply;
use super::{Event, Procedure, Refused, State, store};
use crate::{Error, Reason, Result, TenantBackend, TenantDb};

/// Does what is not done of a tenant's provisioning, then has it served.
///
/// Killed or failed in the middle, call it again: it goes on where it stopped. Of a tenant that is
/// active already nothing is done.
///
/// # Errors
/// [`Error::UnknownTenant`]; [`Error::Step`] if a step fails, of which then nothing is kept;
/// [`Error::Lifecycle`] if the tenant stands elsewhere; [`Error::Overtaken`] if it was changed
/// meanwhile.
pub async fn provision<DB: TenantBackend>(
    db: &TenantDb<DB>,
    tenant: TenantId,
    steps: &Procedure<DB>,
    reason: &Reason,
) -> Result<()> {
    match state(db, tenant).await? {
        State::Active => Ok(()),
        State::Provisioning => {
            steps.run(db, tenant, "provision").await?;
            advance(db, tenant, Event::Provisioned, reason).await
        }
        from => Err(refused(tenant, from, Event::Provisioned)),
    }
}

/// Removes what a tenant has once its grace is over, or at once if it was never active; then nothing
/// of it is left but its id.
///
/// What there is to remove is the steps' to say; the rows are removed by [`Transfer::erase`], best
/// before what holds them:
///
/// ```no_run
/// # use saas_core::TenantId;
/// # async fn example(db: saas_tenancy::TenantDb<sqlx::Postgres>, tenant: TenantId,
/// #     registry: saas_tenancy::Registry) -> saas_tenancy::Result<()> {
/// use saas_tenancy::tenants::{self, Procedure};
/// use saas_tenancy::{Reason, transfer::Transfer};
///
/// let transfer = Transfer::new(&db, &registry)?;
/// let steps = Procedure::new().outside("rows", move |tenant| {
///     let transfer = transfer.clone();
///     Box::pin(async move {
///         transfer.erase(tenant).await?;
///         Ok(())
///     })
/// });
/// tenants::purge(&db, tenant, &steps, &Reason::new("nightly", "grace is over")).await?;
/// # Ok(()) }
/// ```
///
/// Call it again if it was killed or failed. From its beginning on, nobody can take the tenant back.
///
/// # Errors
/// As [`provision`]; [`Error::Lifecycle`] also if the grace is not over.
///
/// [`Transfer::erase`]: crate::transfer::Transfer::erase
pub async fn purge<DB: TenantBackend>(
    db: &TenantDb<DB>,
    tenant: TenantId,
    steps: &Procedure<DB>,
    reason: &Reason,
) -> Result<()> {
    match state(db, tenant).await? {
        State::Purged => return Ok(()),
        State::Purging => {}
        _ => {
            let now = db.options().clock.now();
            advance(db, tenant, Event::Purge { now }, reason).await?;
        }
    }
    steps.run(db, tenant, "purge").await?;
    advance(db, tenant, Event::Purged, reason).await
}

async fn state<DB: TenantBackend>(db: &TenantDb<DB>, tenant: TenantId) -> Result<State> {
    let found = store::find(&mut db.global().await?, tenant).await?;
    Ok(found.ok_or(Error::UnknownTenant { tenant })?.state)
}

async fn advance<DB: TenantBackend>(
    db: &TenantDb<DB>,
    tenant: TenantId,
    event: Event,
    reason: &Reason,
) -> Result<()> {
    let mut tx = db.global().await?;
    apply(&mut tx, tenant, event, reason).await?;
    tx.commit().await
}

fn refused(tenant: TenantId, from: State, event: Event) -> Error {
    Error::Lifecycle { tenant, source: Refused { from, event } }
}
