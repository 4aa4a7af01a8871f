use std::fmt;

use chrono::{DateTime, Utc};
use futures_core::future::BoxFuture;
use saas_core::TenantId;
use saas_core::sql::Binds;
use sqlx::QueryBuilder;
use uuid::Uuid;

use crate::migrations::own;
use crate::{Error, Result, TenantBackend, TenantDb, TenantTx};

/// Why a step failed.
pub type StepError = Box<dyn std::error::Error + Send + Sync>;

type Inside<DB> =
    dyn for<'t> Fn(&'t mut TenantTx<DB>) -> BoxFuture<'t, Result<(), StepError>> + Send + Sync;
type Outside = dyn Fn(TenantId) -> BoxFuture<'static, Result<(), StepError>> + Send + Sync;

/// Named steps, each done once in effect however often the procedure is begun.
///
/// A name is a step's identity: what has the name of a step that is done is passed over. So rename a
/// step whose meaning changes, and append new ones.
///
/// ```no_run
/// # async fn schema(_: saas_core::TenantId) -> Result<(), saas_tenancy::Error> { Ok(()) }
/// # async fn example(db: saas_tenancy::TenantDb<sqlx::Postgres>, tenant: saas_core::TenantId)
/// # -> saas_tenancy::Result<()> {
/// # const SEATS: saas_tenancy::Setting<u32> = saas_tenancy::Setting::new("seats", || 5);
/// use saas_tenancy::Reason;
/// use saas_tenancy::tenants::{self, Procedure};
///
/// let steps = Procedure::new()
///     .outside("schema", |tenant| Box::pin(async move { Ok(schema(tenant).await?) }))
///     .step("seats", |tx| Box::pin(async move { Ok(tx.set(&SEATS, 3, "signup").await?) }));
/// tenants::provision(&db, tenant, &steps, &Reason::new("signup", "order 4711")).await?;
/// # Ok(()) }
/// ```
pub struct Procedure<DB: TenantBackend> {
    steps: Vec<Step<DB>>,
}

struct Step<DB: TenantBackend> {
    name: &'static str,
    run: Run<DB>,
}

enum Run<DB: TenantBackend> {
    Inside(Box<Inside<DB>>),
    Outside(Box<Outside>),
}

impl<DB: TenantBackend> Procedure<DB> {
    /// No step yet.
    pub fn new() -> Self {
        Self { steps: Vec::new() }
    }

    /// Then this, in a transaction of the tenant that also records the step: it happens exactly once.
    #[must_use]
    pub fn step<F>(self, name: &'static str, run: F) -> Self
    where
        F: for<'t> Fn(&'t mut TenantTx<DB>) -> BoxFuture<'t, Result<(), StepError>>
            + Send
            + Sync
            + 'static,
    {
        self.then(name, Run::Inside(Box::new(run)))
    }

    /// Then this, outside of the tenant's transactions: its schema, a bucket, an account elsewhere. It is
    /// recorded afterwards, so who is killed in between does it again: once more must do no harm.
    #[must_use]
    pub fn outside<F>(self, name: &'static str, run: F) -> Self
    where
        F: Fn(TenantId) -> BoxFuture<'static, Result<(), StepError>> + Send + Sync + 'static,
    {
        self.then(name, Run::Outside(Box::new(run)))
    }

    fn then(mut self, name: &'static str, run: Run<DB>) -> Self {
        self.steps.push(Step { name, run });
        self
    }

    /// Does what is not done.
    pub(super) async fn run(
        &self,
        db: &TenantDb<DB>,
        tenant: TenantId,
        phase: &'static str,
    ) -> Result<()> {
        for step in &self.steps {
            let failed = |source| Error::Step { step: step.name, source };
            match &step.run {
                Run::Inside(run) => {
                    let mut tx = db.tenant(tenant).await?;
                    // First, so that of two processes one waits for the other and then has nothing to
                    // do.
                    if mark(&mut tx, phase, step.name).await? {
                        run(&mut tx).await.map_err(failed)?;
                        tx.commit().await?;
                    }
                }
                Run::Outside(run) => {
                    if !is_done(db, tenant, phase, step.name).await? {
                        run(tenant).await.map_err(failed)?;
                        record(db, tenant, phase, step.name).await?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl<DB: TenantBackend> Default for Procedure<DB> {
    fn default() -> Self {
        Self::new()
    }
}

impl<DB: TenantBackend> fmt::Debug for Procedure<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.steps.iter().map(|step| step.name)).finish()
    }
}

/// Records the step; whether it was not recorded yet.
async fn mark<DB: TenantBackend>(
    tx: &mut TenantTx<DB>,
    phase: &'static str,
    step: &'static str,
) -> Result<bool> {
    let mut query = QueryBuilder::new("insert into ");
    query.push(own::<DB>("tenant_steps")).push(" (tenant_id, phase, step, at) values (");
    <DB as Binds<Uuid>>::push_bind(&mut query, &tx.tenant().uuid());
    query.push(", ");
    <DB as Binds<String>>::push_bind(&mut query, &phase.to_owned());
    query.push(", ");
    <DB as Binds<String>>::push_bind(&mut query, &step.to_owned());
    query.push(", ");
    <DB as Binds<DateTime<Utc>>>::push_bind(&mut query, &tx.clock().now());
    query.push(") on conflict do nothing");
    let statements = tx.statements();
    Ok(tx.execute(query, statements).await? > 0)
}

/// Whether the step is recorded; it is not where the tenant has no place yet.
async fn is_done<DB: TenantBackend>(
    db: &TenantDb<DB>,
    tenant: TenantId,
    phase: &'static str,
    step: &'static str,
) -> Result<bool> {
    let mut tx = match db.tenant(tenant).await {
        Err(Error::NotProvisioned { .. }) => return Ok(false),
        tx => tx?,
    };
    let mut query = QueryBuilder::new("select 1 from ");
    query.push(own::<DB>("tenant_steps")).push(" where tenant_id = ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &tenant.uuid());
    query.push(" and phase = ");
    <DB as Binds<String>>::push_bind(&mut query, &phase.to_owned());
    query.push(" and step = ");
    <DB as Binds<String>>::push_bind(&mut query, &step.to_owned());
    Ok(tx.fetch_optional(query).await?.is_some())
}

/// Records a step that is done; one that took the tenant's place away leaves nowhere to do so.
async fn record<DB: TenantBackend>(
    db: &TenantDb<DB>,
    tenant: TenantId,
    phase: &'static str,
    step: &'static str,
) -> Result<()> {
    let mut tx = match db.tenant(tenant).await {
        Err(Error::NotProvisioned { .. }) => return Ok(()),
        tx => tx?,
    };
    mark(&mut tx, phase, step).await?;
    tx.commit().await
}
