//! The story of the family: an invoice is sent once, whatever happens. The request sets the status,
//! keeps the idempotency record and enqueues the job in one commit; the job mails, then sets the
//! status and completes in another.

use chrono::{DateTime, Utc};
use saas_core::{Id, Problem, TenantId};
use saas_idempotency::{Idempotency, Reply};
use saas_jobs::{Job, JobContext, JobId, JobResult, JobState, Options, Outcome, Run};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::customers::Customer;
use crate::failpoint::point;
use crate::invoices::{self, Invoice, Status};
use crate::mail::Delivery;
use crate::openapi::values;
use crate::tenants::Tenant;
use crate::{App, Db, trace};

/// Mails one invoice.
#[derive(Debug, Serialize, Deserialize)]
pub struct SendInvoice {
    pub invoice: Id<Invoice>,
}

impl Job for SendInvoice {
    const KIND: &'static str = "send_invoice";
}

/// `POST /invoices/{id}/send`.
pub async fn request<D: Db>(
    app: App<D>,
    tenant: TenantId,
    idempotency: Idempotency,
    id: Id<Invoice>,
) -> Result<Reply, Problem> {
    let reply = app
        .once(tenant, &idempotency, async |tx| {
            let invoice = tx.select::<Invoice>().by_id(id).for_update().one(tx).await?;
            if invoice.status != Status::Draft {
                return Err(Problem::new(409).detail("only a draft can be sent"));
            }
            tx.update(id).set(Invoice::STATUS, Status::Sending).await?;
            point("invoice.updated");
            let options = Options::new().tenant(tenant).trace(trace::traceparent());
            let job = SendInvoice { invoice: id };
            let job = app.queue.enqueue_with(tx.connection(), job, options).await?;
            point("job.enqueued");
            let location = format!("/api/v1/jobs/{job}");
            Ok(Reply::json(202, &Accepted { job_id: job })?.header("location", location))
        })
        .await?;
    // The worker of this process need not wait for its next look.
    app.queue.wake();
    Ok(reply)
}

/// An invoice is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub struct Accepted {
    #[schema(value_type = Uuid)]
    pub job_id: JobId,
}

/// A job as its tenant sees it. What a failed attempt said is for the operator: it can hold the
/// database's own words.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobView {
    #[schema(value_type = Uuid)]
    pub id: JobId,
    pub kind: String,
    #[schema(schema_with = values::job_state)]
    pub state: JobState,
    pub attempt: u16,
    pub max_attempts: u16,
    #[schema(required)]
    pub created_at: Option<DateTime<Utc>>,
    #[schema(required)]
    pub run_at: Option<DateTime<Utc>>,
}

/// `GET /jobs/{id}`.
pub async fn status<D: Db>(
    app: App<D>,
    tenant: TenantId,
    id: Id<JobView>,
) -> Result<Reply, Problem> {
    let id = JobId::from_uuid(id.uuid());
    let mut tx = app.db.global().await?;
    let job = app.queue.job(tx.connection(), id, Some(tenant)).await?;
    tx.commit().await?;
    let job = job.ok_or_else(|| Problem::new(404))?;
    let (attempt, max_attempts) = (job.attempt, job.max_attempts);
    let (created_at, run_at) = (job.created_at, job.run_at);
    let (kind, state) = (job.kind, job.state);
    let view = JobView { id, kind, state, attempt, max_attempts, created_at, run_at };
    Ok(Reply::json(200, &view)?)
}

impl<D: Db> Run<App<D>> for SendInvoice {
    async fn run(self, cx: JobContext<'_, App<D>>) -> JobResult {
        point("job.started");
        let Some(tenant) = cx.tenant() else { return Ok(Outcome::dead("the job has no tenant")) };
        let (invoice, last, app) = (self.invoice, cx.is_last_attempt(), cx.context());
        let result = self.mail(tenant, cx).await;
        if result.is_err() && last {
            give_up(app, tenant, invoice).await?;
        }
        result
    }
}

/// There will be no other attempt: as a draft it can be sent again, or deleted.
async fn give_up<D: Db>(app: &App<D>, tenant: TenantId, id: Id<Invoice>) -> Result<(), Problem> {
    let mut tx = app.db.tenant(tenant).await?;
    let it = tx.update_all::<Invoice>().filter(Invoice::ID.eq(id));
    let it = it.filter(Invoice::STATUS.eq(Status::Sending));
    it.set(Invoice::STATUS, Status::Draft).await?;
    Ok(tx.commit().await?)
}

impl SendInvoice {
    async fn mail<D: Db>(self, tenant: TenantId, cx: JobContext<'_, App<D>>) -> JobResult {
        let app = cx.context();
        let whole = match invoices::whole(app, tenant, self.invoice).await {
            Ok(whole) => whole,
            Err(problem) if problem.status() == 404 => {
                return Ok(Outcome::cancel("no such invoice"));
            }
            Err(problem) => return Err(problem.into()),
        };
        let customer = app.db.read(tenant).select::<Customer>().by_id(whole.invoice.customer_id);
        let customer = customer.one().await?;
        let sender = app.db.read_global().select::<Tenant>().by_id(Id::from_uuid(tenant.uuid()));
        let sender = sender.one().await?;
        // Outside the transaction: a slow mail server must not hold a row, on SQLite not the whole
        // file. Named by the job, so that a repeated mail is the same mail.
        point("mail.before");
        let delivery = app.mailer.send(cx.job_id(), &sender, &customer, &whole).await?;
        if let Delivery::Refused(reason) = delivery {
            give_up(app, tenant, self.invoice).await?;
            return Ok(Outcome::dead(reason));
        }

        let mut tx = app.db.tenant(tenant).await?;
        tx.update(self.invoice).set(Invoice::STATUS, Status::Sent).await?;
        let receipt = cx.complete(tx.connection()).await?;
        point("job.completed");
        tx.commit().await?;
        point("job.committed");
        Ok(Outcome::completed(receipt))
    }
}
