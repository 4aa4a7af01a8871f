//! The promise: what a request enqueues is done, once; and where it cannot be done, the invoice is as
//! it was. The jobs are run here and now, without a worker in the background and without waiting.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use invoicing_domain::invoices::{Invoice, Status};
use invoicing_domain::send::SendInvoice;
use invoicing_domain::{App, Db};
use saas_core::{Clock as _, Id, ManualClock, SystemClock, TenantId};
use saas_jobs::testing::Expected;
use saas_jobs::{Drained, JobId, Options, Queue, Worker};
use sqlx::Pool;

use crate::support::{self, customer, draft};

/// An invoice on its way, and the job that mails it, in one transaction.
async fn sending<D: Db>(app: &App<D>) -> (TenantId, Id<Invoice>, JobId) {
    let tenant = support::tenant(&app.db).await;
    let customer = customer(Id::new(), tenant, "jane@example.com".into());
    let invoice = Invoice { status: Status::Sending, ..draft(Id::new(), tenant, customer.id) };
    let job = SendInvoice { invoice: invoice.id };
    let mut tx = app.db.tenant(tenant).await.unwrap();
    tx.insert(&customer).await.unwrap();
    tx.insert(&invoice).await.unwrap();
    let options = Options::new().tenant(tenant);
    let job = app.queue.enqueue_with(tx.connection(), job, options).await.unwrap();
    let expected = Expected::new().args(move |job: &SendInvoice| job.invoice == invoice.id);
    app.queue.assert_enqueued(tx.connection(), expected).await;
    tx.commit().await.unwrap();
    (tenant, invoice.id, job)
}

async fn drain<D: Db>(pool: &Pool<D>, app: &App<D>) -> Drained {
    let worker = Worker::new(pool.clone(), app.queue.clone(), app.clone());
    worker.register::<SendInvoice>().drain().await.unwrap()
}

async fn status<D: Db>(app: &App<D>, tenant: TenantId, invoice: Id<Invoice>) -> Status {
    app.db.read(tenant).select::<Invoice>().by_id(invoice).one().await.unwrap().status
}

async fn an_invoice_is_mailed_once<D: Db>(pool: Pool<D>, outbox: &Path) {
    let app = support::app(pool.clone(), outbox).await;
    let (tenant, invoice, job) = sending(&app).await;
    assert_eq!(drain(&pool, &app).await.done, 1);
    assert_eq!(drain(&pool, &app).await.done, 0);
    assert_eq!(status(&app, tenant, invoice).await, Status::Sent);
    let mails = std::fs::read_dir(outbox).unwrap().map(|mail| mail.unwrap().file_name());
    assert_eq!(mails.collect::<Vec<_>>(), [format!("{job}.eml").as_str()]);
}

async fn what_cannot_be_mailed_is_a_draft_again<D: Db>(pool: Pool<D>) {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let no_folder = tempfile::NamedTempFile::new().unwrap();
    let mut app = support::app(pool.clone(), no_folder.path()).await;
    app.queue = Queue::new().clock(clock.clone());
    let (tenant, invoice, job) = sending(&app).await;
    let mut conn = pool.acquire().await.unwrap();
    let most = app.queue.job(&mut conn, job, None).await.unwrap().unwrap().max_attempts;
    drop(conn);
    for _ in 1..most {
        assert_eq!(drain(&pool, &app).await.failed, 1);
        assert_eq!(status(&app, tenant, invoice).await, Status::Sending);
        clock.advance(Duration::from_secs(24 * 3600));
    }
    assert_eq!(drain(&pool, &app).await.dead, 1);
    assert_eq!(status(&app, tenant, invoice).await, Status::Draft);
}

#[tokio::test]
async fn on_sqlite() {
    let (pool, folder) = support::sqlite().await;
    an_invoice_is_mailed_once(pool.clone(), &folder.path().join("outbox")).await;
    what_cannot_be_mailed_is_a_draft_again(pool).await;
}

#[tokio::test]
async fn on_postgres() {
    let (pool, folder) = (support::postgres("drained_jobs").await, tempfile::tempdir().unwrap());
    an_invoice_is_mailed_once(pool.clone(), &folder.path().join("outbox")).await;
    what_cannot_be_mailed_is_a_draft_again(pool).await;
}
