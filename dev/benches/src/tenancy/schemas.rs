//! How long it takes to make a schema for each of many tenants, and to migrate them all.

use std::time::Instant;

use futures_util::{StreamExt, TryStreamExt, stream};
use saas_core::TenantId;
use saas_core::schema::{self, Dialect};
use saas_tenancy::{SchemaMigrator, Steps, wall};
use sqlx::{AssertSqlSafe, Postgres};

use super::Invoice;
use crate::database::Database;
use crate::measure::Turns;
use crate::{Result, Size};

const TABLES: usize = 20;
const PARALLEL: usize = 4;
/// What creating and migrating them may take together.
const LIMIT: f64 = 60.0;

pub(super) async fn run(size: Size) -> Result<()> {
    let schemas = size.pick(500, 50);
    let database = Database::fresh().await;
    saas_tenancy::migrate::<Postgres>(&mut *database.owner.acquire().await?).await?;
    saas_tenancy::grant(&mut *database.owner.acquire().await?, &database.role).await?;
    let created = created(&database, schemas).await?;
    let migrated = migrated(&database, schemas).await?;
    let limit = LIMIT * schemas as f64 / 500.0;
    for (metric, seconds) in
        [("create", created), ("migrate", migrated), ("create_and_migrate", created + migrated)]
    {
        Turns::new(vec![seconds], vec![limit]).report("tenancy/schemas", metric, "s")?;
    }
    database.remove().await
}

async fn created(database: &Database, schemas: usize) -> Result<f64> {
    let migrator = SchemaMigrator::new(database.owner.clone(), steps(database, 1), &database.role);
    let begun = Instant::now();
    stream::iter((0..schemas).map(|_| migrator.provision(TenantId::new())))
        .buffer_unordered(PARALLEL)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(begun.elapsed().as_secs_f64())
}

async fn migrated(database: &Database, schemas: usize) -> Result<f64> {
    let migrator = SchemaMigrator::new(database.owner.clone(), steps(database, 2), &database.role);
    let begun = Instant::now();
    let report = migrator.parallel(PARALLEL).run().await?;
    let seconds = begun.elapsed().as_secs_f64();
    assert!(report.is_complete() && report.migrated == schemas as u64, "{report:?}");
    Ok(seconds)
}

/// First twenty tables with their keys and walls; then a column and an index for each of them.
fn steps(database: &Database, count: usize) -> Steps {
    let table =
        schema::table::<Invoice>(Dialect::Postgres) + &wall::postgres::<Invoice>(&database.role);
    let change = "
        alter table invoices add column due_on date;
        create index invoices_due on invoices (tenant_id, due_on);";
    let each = |text: &str| -> String {
        (0..TABLES).map(|number| text.replace("invoices", &format!("table_{number}"))).collect()
    };
    let steps = [each(&table), each(change)].into_iter().take(count);
    Steps::new(steps.map(AssertSqlSafe))
}
