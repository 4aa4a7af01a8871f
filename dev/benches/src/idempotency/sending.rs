//! The handler of the design: in a tenant's transaction behind row-level security it inserts an invoice
//! and enqueues the job that sends it, as the template does.

use saas_core::{Entity, Id, TenantId, Version, schema};
use saas_idempotency::Reply;
use saas_jobs::{Job, Options, Queue};
use saas_tenancy::{Registry, TenantDb, TenantTx, wall};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, Postgres};

use super::modes::Handler;
use super::{CLIENTS, modes};
use crate::database::Database;
use crate::{Result, Size};

#[derive(Debug, Entity, FromRow)]
#[entity(table = "invoices", tenant)]
struct Invoice {
    id: Id<Invoice>,
    tenant_id: TenantId,
    number: String,
    status: String,
    #[entity(version)]
    version: Version,
}

#[derive(Debug, Serialize, Deserialize)]
struct SendInvoice {
    invoice: Id<Invoice>,
}

impl Job for SendInvoice {
    const KIND: &'static str = "send_invoice";
}

pub(super) async fn run(database: &Database, size: Size) -> Result<()> {
    let mut owner = database.owner.acquire().await?;
    saas_tenancy::migrate::<Postgres>(&mut owner).await?;
    saas_tenancy::grant(&mut owner, &database.role).await?;
    saas_jobs::migrate::<Postgres>(&mut owner).await?;
    saas_jobs::grant(&mut owner, &database.role).await?;
    drop(owner);
    database.set_up(wall::Roles::new(&database.role).create()).await?;
    database.set_up(schema::table::<Invoice>(schema::Dialect::Postgres)).await?;
    database.set_up(wall::postgres::<Invoice>(&database.role)).await?;
    let pool = database.app(CLIENTS).await?;
    let db = TenantDb::connect(pool.clone(), Registry::new().register::<Invoice>()).await?;
    let handler = Send { db, queue: Queue::new(), tenant: TenantId::new() };
    modes::run("idempotency/sending", handler, &pool, size).await
}

#[derive(Clone)]
struct Send {
    db: TenantDb<Postgres>,
    queue: Queue<Postgres>,
    tenant: TenantId,
}

impl Handler for Send {
    type Tx = TenantTx<Postgres>;

    async fn begin(&self) -> Result<Self::Tx> {
        Ok(self.db.tenant(self.tenant).await?)
    }

    async fn work(&self, mut tx: Self::Tx) -> Result<(Self::Tx, Reply)> {
        let id = Id::new();
        let (number, status) = ("INV-1".to_owned(), "sending".to_owned());
        let tenant_id = self.tenant;
        tx.insert(&Invoice { id, tenant_id, number, status, version: Version::FIRST }).await?;
        let options = Options::new().tenant(tenant_id);
        let job = SendInvoice { invoice: id };
        let job = self.queue.enqueue_with(tx.connection(), job, options).await?;
        Ok((tx, Reply::json(201, &job)?))
    }

    async fn commit(tx: Self::Tx) -> Result<()> {
        Ok(tx.commit().await?)
    }
}
