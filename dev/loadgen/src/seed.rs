//! Fills the tables, which are empty.

mod postgres;
mod sqlite;

use sha2::{Digest as _, Sha256};

use crate::Result;
use crate::data::{Customer, Invoice, Rows, Size, Tenant};
use crate::database::Database;
use crate::targets::Targets;

/// So many rows at once.
const BATCH: usize = 10_000;

/// Takes rows of one batch.
trait Sink {
    async fn tenants(&mut self, tenants: &[Tenant]) -> Result<()>;
    async fn customers(&mut self, tenants: &[Tenant], customers: &[Customer]) -> Result<()>;
    async fn invoices(&mut self, tenants: &[Tenant], invoices: &[Invoice]) -> Result<()>;
    /// Leaves the tables as they are some time after the last write.
    async fn settle(self) -> Result<()>;
}

/// Writes all rows, and returns what the requests will be about.
pub(crate) async fn seed(database: &Database, size: Size, seed: u64) -> Result<Targets> {
    let rows = Rows::new(size, seed)?;
    match database {
        Database::Postgres { pool, .. } => {
            fill(postgres::Copy::begin(pool).await?, rows, size, seed).await
        }
        Database::Sqlite(pool) => fill(sqlite::Insert::begin(pool).await?, rows, size, seed).await,
    }
}

async fn fill(mut sink: impl Sink, mut rows: Rows, size: Size, seed: u64) -> Result<Targets> {
    let mut targets = Targets::new(&rows.tenants, size.invoices, seed)?;
    sink.tenants(&rows.tenants).await?;
    for from in (0..size.customers).step_by(BATCH) {
        let customers = rows.customers(from, BATCH);
        sink.customers(&rows.tenants, &customers).await?;
    }
    for from in (0..size.invoices).step_by(BATCH) {
        let invoices = rows.invoices(from, BATCH);
        sink.invoices(&rows.tenants, &invoices).await?;
        targets.learn(from, &invoices);
    }
    sink.settle().await?;
    Ok(targets)
}

/// What the service keeps of a key.
fn hash(key: &str) -> Vec<u8> {
    Sha256::digest(key).to_vec()
}
