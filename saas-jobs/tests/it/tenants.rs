//! A job's tenant: demanded, and bound before its handler runs.

use std::sync::{Arc, Mutex};

use saas_core::TenantId;
use saas_jobs::testing;
use saas_jobs::{
    Backend, Drained, Error, ErrorKind, Job, JobContext, JobInfo, JobResult, JobState, Outcome,
    Run, RunForTenant, Unique, Worker,
};
use serde::{Deserialize, Serialize};

use crate::site::Site;

on_every_database! {
    false:
        a_kind_that_needs_a_tenant_is_not_stored_without_one,
        a_job_stored_before_its_kind_needed_a_tenant_is_dead,
        each_run_has_a_context_of_its_own,
        a_context_that_cannot_be_made_is_a_failed_attempt;
}

type Closed = Arc<Mutex<Vec<TenantId>>>;

#[derive(Debug, Serialize, Deserialize)]
struct Close;

impl Job for Close {
    const KIND: &'static str = "close";
    const NEEDS_TENANT: bool = true;
}

impl RunForTenant<Closed> for Close {
    async fn run(self, tenant: TenantId, cx: JobContext<'_, Closed>) -> JobResult {
        assert_eq!(cx.tenant(), Some(tenant));
        cx.context().lock().unwrap().push(tenant);
        Ok(Outcome::done())
    }
}

/// The same kind, as it was before it needed a tenant.
#[derive(Serialize, Deserialize)]
struct CloseOfOld;

impl Job for CloseOfOld {
    const KIND: &'static str = Close::KIND;
}

fn closing<DB: Backend>(site: &Site<DB>, closed: &Closed) -> Worker<DB, Closed> {
    Worker::new(site.pool.clone(), site.queue.clone(), Arc::clone(closed))
        .queue(site.name.clone())
        .register_for_tenant::<Close>()
}

async fn a_kind_that_needs_a_tenant_is_not_stored_without_one<DB: Backend>(site: &Site<DB>) {
    let (closed, tenant) = (Closed::default(), TenantId::new());
    let mut tx = site.pool.begin().await.unwrap();
    let unique = Unique::key("month");
    let refused = [
        site.queue.enqueue_with(&mut tx, Close, site.options()).await.map(drop),
        site.queue.enqueue_many(&mut tx, [Close, Close], site.options()).await.map(drop),
        site.queue.enqueue_unique(&mut tx, &unique, Close, site.options()).await.map(drop),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::NoTenant { kind: "close" }), "{error}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "a job of kind `close` needs a tenant");
    }
    let options = site.options().tenant(tenant);
    let stored = site.queue.enqueue_unique(&mut tx, &unique, Close, options).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(stored, saas_jobs::Enqueued::New(_)));
    assert_eq!(closing(site, &closed).drain().await.unwrap().done, 1);
    assert_eq!(*closed.lock().unwrap(), [tenant]);
    assert_eq!(testing::run_for_tenant(Close, tenant, &closed).await.unwrap(), Outcome::done());
}

async fn a_job_stored_before_its_kind_needed_a_tenant_is_dead<DB: Backend>(site: &Site<DB>) {
    let id = site.enqueue(CloseOfOld).await;
    let closed = Closed::default();
    assert_eq!(closing(site, &closed).drain().await.unwrap().dead, 1);
    let reason = site.job(id).await.reason.unwrap();
    assert_eq!(reason, "a job of this kind needs a tenant, and this one has none");
    assert!(closed.lock().unwrap().is_empty());
}

/// What a handler of one tenant works with.
struct Bound {
    tenant: TenantId,
    seen: Closed,
}

#[derive(Serialize, Deserialize)]
struct Tidy;

impl Job for Tidy {
    const KIND: &'static str = "tidy";
}

impl Run<Bound> for Tidy {
    async fn run(self, cx: JobContext<'_, Bound>) -> JobResult {
        let Bound { tenant, seen } = cx.context();
        seen.lock().unwrap().push(*tenant);
        Ok(Outcome::done())
    }
}

async fn tidy<DB: Backend>(site: &Site<DB>, seen: &Closed) -> Drained {
    let scope = |seen: Arc<Closed>, job: JobInfo| async move {
        assert_eq!((job.kind.as_str(), job.attempt), ("tidy", 1));
        let tenant = job.tenant.ok_or("whose is it?")?;
        Ok(Bound { tenant, seen: Closed::clone(&seen) })
    };
    Worker::scoped(site.pool.clone(), site.queue.clone(), Arc::clone(seen), scope)
        .queue(site.name.clone())
        .register::<Tidy>()
        .drain()
        .await
        .unwrap()
}

async fn each_run_has_a_context_of_its_own<DB: Backend>(site: &Site<DB>) {
    let seen = Closed::default();
    let mut tenants: Vec<_> = (0..3).map(|_| TenantId::new()).collect();
    for tenant in &tenants {
        site.enqueue_with(Tidy, site.options().tenant(*tenant)).await;
    }
    assert_eq!(tidy(site, &seen).await.done, 3);
    let mut seen = seen.lock().unwrap().clone();
    seen.sort_unstable();
    tenants.sort_unstable();
    assert_eq!(seen, tenants);
}

async fn a_context_that_cannot_be_made_is_a_failed_attempt<DB: Backend>(site: &Site<DB>) {
    let id = site.enqueue(Tidy).await;
    let seen = Closed::default();
    assert_eq!(tidy(site, &seen).await.failed, 1);
    let status = site.job(id).await;
    assert_eq!(
        (status.state, status.last_error.unwrap().error.as_str()),
        (JobState::Scheduled, "whose is it?")
    );
}
