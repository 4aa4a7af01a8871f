//! What a tenant's scope costs: of building a statement, of single reads, of transactions and bulk
//! writes, behind a pooler, and of the policy itself. And how long many tenants' schemas take, and the
//! export of one.

mod building;
mod bulk;
mod export;
mod policy;
mod pooler;
mod reads;
mod schemas;
mod table;
mod transactions;

use saas_core::{Entity, Id, TenantId, Timestamps, Version};
use sqlx::FromRow;

use crate::database::Database;
use crate::{Result, Size};

#[derive(Debug, PartialEq, Entity, FromRow)]
#[entity(table = "invoices", tenant)]
struct Invoice {
    id: Id<Invoice>,
    tenant_id: TenantId,
    number: String,
    status: String,
    total_minor: i64,
    note: Option<String>,
    #[entity(version)]
    version: Version,
    #[entity(timestamps)]
    #[sqlx(flatten)]
    timestamps: Timestamps,
}

pub(crate) async fn run(size: Size) -> Result<()> {
    let database = Database::fresh().await;
    let keys = table::fill(&database, size.pick(1_000_000, 100_000)).await?;
    building::run(&database, size, &keys).await?;
    reads::run(&database, size, &keys).await?;
    transactions::run(&database, size, &keys).await?;
    bulk::run(&database, size).await?;
    policy::run(&database, size).await?;
    database.remove().await?;
    pooler::run(size).await?;
    schemas::run(size).await?;
    export::run(size).await
}

/// Of all this the schemas alone.
pub(crate) async fn schemas(size: Size) -> Result<()> {
    schemas::run(size).await
}

/// Of all this the export alone.
pub(crate) async fn export(size: Size) -> Result<()> {
    export::run(size).await
}
