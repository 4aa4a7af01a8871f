//! How long it takes to make a schema for each of many tenants, to migrate them all, and to verify
//! every one of them in full when the application connects.

use std::time::Instant;

use futures_util::{StreamExt, TryStreamExt, stream};
use saas_core::schema::{self, Dialect};
use saas_core::{Entity, Id, TenantId};
use saas_tenancy::{Isolation, Options, Registry, SchemaMigrator, Steps, TenantDb, wall};
use sqlx::{AssertSqlSafe, Postgres};

use super::Invoice;
use crate::database::Database;
use crate::measure::Turns;
use crate::{Result, Size};

const TABLES: usize = 20;
const PARALLEL: usize = 4;
/// What creating and migrating them may take together.
const LIMIT: f64 = 60.0;
/// What an application may wait for when it starts.
const CONNECT_LIMIT: f64 = 10.0;

pub(super) async fn run(size: Size) -> Result<()> {
    let schemas = size.pick(500, 50);
    let database = Database::fresh().await;
    saas_tenancy::migrate::<Postgres>(&mut *database.owner.acquire().await?).await?;
    saas_tenancy::grant(&mut *database.owner.acquire().await?, &database.role).await?;
    let created = created(&database, schemas).await?;
    let migrated = migrated(&database, schemas).await?;
    let verified = verified(&database).await?;
    let share = schemas as f64 / 500.0;
    for (metric, seconds, limit) in [
        ("create", created, LIMIT),
        ("migrate", migrated, LIMIT),
        ("create_and_migrate", created + migrated, LIMIT),
        ("verify", verified, CONNECT_LIMIT),
    ] {
        Turns::new(vec![seconds], vec![limit * share]).report("tenancy/schemas", metric, "s")?;
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

/// As the application connects, which refuses what is not walled.
async fn verified(database: &Database) -> Result<f64> {
    let pool = database.app(1).await?;
    let begun = Instant::now();
    let options = Options::new().isolation(Isolation::Schema);
    TenantDb::connect_with(pool, registry(), options).await?;
    Ok(begun.elapsed().as_secs_f64())
}

macro_rules! registry {
    ($($name:ident $table:literal),* $(,)?) => {
        fn registry() -> Registry {
            $(#[derive(Entity)]
            #[entity(table = $table, tenant)]
            struct $name {
                #[allow(dead_code)] // No row is read.
                id: Id<$name>,
            })*
            Registry::new()$(.register::<$name>())*
        }
    };
}
registry!(
    T0 "table_0", T1 "table_1", T2 "table_2", T3 "table_3", T4 "table_4", T5 "table_5",
    T6 "table_6", T7 "table_7", T8 "table_8", T9 "table_9", T10 "table_10", T11 "table_11",
    T12 "table_12", T13 "table_13", T14 "table_14", T15 "table_15", T16 "table_16",
    T17 "table_17", T18 "table_18", T19 "table_19",
);

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
