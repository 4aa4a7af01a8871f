//! What only a schema per tenant promises: the schema is left with the transaction, nothing stands in
//! for what it lacks, and a declared model that is not there is refused.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use saas_core::{Entity, Id, TenantId};
use saas_tenancy::{
    Error, Isolation, Options, Registry, SchemaMigrator, SchemaNames, Steps, TenantDb,
};
use saas_testkit as testkit;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres};

use crate::fixture::{self, Customer, registry};
use crate::homes;

fn small(options: PgConnectOptions, size: u32) -> PgPool {
    PgPoolOptions::new().max_connections(size).connect_lazy_with(options)
}

/// Over one connection, so that whoever comes next gets the same.
async fn alone() -> (TenantDb<Postgres>, testkit::Postgres) {
    let pg = testkit::postgres(homes::SCHEMAS).await;
    homes::prepared(&pg).await;
    let pool = small(pg.app_options.clone(), 1);
    (TenantDb::connect_with(pool, registry(), homes::options()).await.unwrap(), pg)
}

async fn filled(db: &TenantDb<Postgres>, email: &str) -> TenantId {
    let tenant = homes::provisioned().await;
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.insert(&Customer::new(tenant, email)).await.unwrap();
    tx.commit().await.unwrap();
    tenant
}

async fn emails(db: &TenantDb<Postgres>, tenant: TenantId) -> Vec<String> {
    let found = db.read(tenant).select::<Customer>().all().await.unwrap();
    found.into_iter().map(|customer| customer.email).collect()
}

/// What whoever comes next would search, and for whom.
async fn next_borrower(pool: &PgPool) -> (String, Option<String>) {
    let mut tx = pool.begin().await.unwrap();
    sqlx::query_as(
        "select current_setting('search_path'), nullif(current_setting('app.tenant_id', true), '')",
    )
    .persistent(false)
    .fetch_one(&mut *tx)
    .await
    .unwrap()
}

fn untouched() -> (String, Option<String>) {
    ("\"$user\", public".to_owned(), None)
}

#[tokio::test]
async fn the_schema_is_left_with_the_transaction_however_it_ends() {
    let (db, _pg) = alone().await;
    let tenant = filled(&db, "a@x").await;
    db.tenant(tenant).await.unwrap().commit().await.unwrap();
    assert_eq!(next_borrower(db.pool()).await, untouched());
    db.tenant(tenant).await.unwrap().rollback().await.unwrap();
    assert_eq!(next_borrower(db.pool()).await, untouched());
    drop(db.tenant(tenant).await.unwrap());
    assert_eq!(next_borrower(db.pool()).await, untouched());
    let mut failing = db.tenant(tenant).await.unwrap();
    sqlx::query("select 1 / 0").execute(failing.raw()).await.unwrap_err();
    drop(failing);
    assert_eq!(next_borrower(db.pool()).await, untouched());
    assert_eq!(emails(&db, tenant).await, ["a@x"]);
    assert_eq!(next_borrower(db.pool()).await, untouched());
}

/// Runs `work` and gives it up the `waits`-th time that it waits for the database, with its message
/// on the way; `Err` then, else how often it waited.
async fn give_up_at(waits: u32, work: impl Future<Output = ()>) -> Result<u32, ()> {
    let mut work = pin!(work);
    let mut waited = 0;
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(Ok(waited)),
        Poll::Pending if waited == waits => Poll::Ready(Err(())),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

async fn abort_at_random_moments(pool: PgPool, options: Options, rounds: u64) {
    let db = TenantDb::connect_with(pool, registry(), options).await.unwrap();
    let tenants = [filled(&db, "0").await, filled(&db, "1").await];
    let work = async |which: usize| {
        let mut tx = db.tenant(tenants[which]).await.unwrap();
        let found = tx.select::<Customer>().all(&mut tx).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].email, which.to_string(), "another schema's row");
        tx.commit().await.unwrap();
    };
    let waits = give_up_at(u32::MAX, work(0)).await.unwrap();
    let mut random = StdRng::seed_from_u64(11);
    let mut aborted = 0;
    for round in 0..rounds {
        let moment = random.random_range(0..=waits);
        let done = give_up_at(moment, work(random.random_range(0..2))).await;
        aborted += u64::from(done.is_err());
        assert_eq!(next_borrower(db.pool()).await, untouched(), "after round {round}");
    }
    assert!(aborted > rounds / 10, "only {aborted} of {rounds} rounds were aborted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_transaction_leaves_its_schema_slow() {
    let pg = testkit::postgres(homes::SCHEMAS).await;
    homes::prepared(&pg).await;
    abort_at_random_moments(small(pg.app_options, 1), homes::options(), 1000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_transaction_leaves_its_schema_through_pgbouncer_slow() {
    let pg = testkit::pgbouncer(homes::SCHEMAS).await;
    homes::prepared(&pg).await;
    let options = homes::options().pooler_safe(true);
    abort_at_random_moments(small(pg.app_options, 1), options, 500).await;
}

#[tokio::test]
async fn one_prepared_statement_reads_each_tenants_own_table() {
    let (db, pg) = alone().await;
    let (mine, other) = (filled(&db, "mine@x").await, filled(&db, "other@x").await);
    let both = async || {
        for _ in 0..7 {
            // More than five times, so that the connection has come to a generic plan.
            assert_eq!(emails(&db, mine).await, ["mine@x"]);
            assert_eq!(emails(&db, other).await, ["other@x"]);
        }
    };
    both().await;
    // As in the middle of a migration: one schema is ahead, with other columns in other places.
    let table = format!("{}.customers", homes::names().of(other));
    let ahead = format!(
        "alter table {table} add column vip boolean not null default true;
         alter table {table} add column born date;
         update {table} set born = born_on;
         alter table {table} drop column born_on;
         alter table {table} rename column born to born_on;"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(ahead)).execute(&pg.owner).await.unwrap();
    both().await;
}

#[tokio::test]
async fn a_temporary_table_of_another_tenant_does_not_stand_before_the_own() {
    let (db, _pg) = alone().await;
    let (mine, other) = (filled(&db, "mine@x").await, filled(&db, "other@x").await);
    let mut tx = db.tenant(other).await.unwrap();
    let copy = "create temporary table customers as select * from customers";
    sqlx::query(copy).execute(tx.raw()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(emails(&db, mine).await, ["mine@x"]);
}

#[tokio::test]
async fn a_tenant_without_a_schema_is_an_error_and_never_sees_public() {
    let pg = testkit::postgres_fresh().await;
    saas_tenancy::migrate::<Postgres>(&mut pg.owner.acquire().await.unwrap()).await.unwrap();
    let mine = TenantId::new();
    pg.set_up(&format!(
        "{}create table customers (tenant_id uuid, id uuid, email text);
         insert into customers values ('{mine}', '{mine}', 'in public');
         grant select on customers to \"{}\"",
        saas_core::schema::table::<Customer>(saas_core::schema::Dialect::Postgres)
            .replace("\"customers", "\"others"),
        pg.app_role
    ))
    .await;
    let options = Options::new().isolation(Isolation::Schema);
    let db = TenantDb::connect_unverified(pg.app.clone(), options);
    let refused = db.tenant(mine).await.unwrap_err();
    assert!(matches!(refused, Error::NotProvisioned { tenant } if tenant == mine), "{refused}");
    let refused = db.read(mine).select::<Customer>().all().await.unwrap_err();
    assert!(matches!(refused, Error::NotProvisioned { .. }), "{refused}");
    // The schema is there, its table is not.
    let empty = SchemaMigrator::new(pg.owner.clone(), Steps::new([""; 0]), &pg.app_role);
    empty.provision(mine).await.unwrap();
    let refused = db.read(mine).select::<Customer>().all().await.unwrap_err();
    assert!(matches!(refused, Error::Database(_)), "{refused}");
    let mut tx = db.tenant(mine).await.unwrap();
    let raw = sqlx::query("select email from customers").fetch_all(tx.raw()).await;
    assert!(raw.unwrap_err().to_string().contains("relation \"customers\" does not exist"));
}

#[derive(Debug, Entity, sqlx::FromRow)]
#[entity(table = "billing.invoices", tenant)]
struct Invoice {
    id: Id<Invoice>,
}

async fn refusal(pool: &PgPool, registry: Registry, options: Options) -> String {
    TenantDb::connect_with(pool.clone(), registry, options).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_declared_model_that_is_not_there_is_refused() {
    let pg = testkit::postgres(homes::SCHEMAS).await;
    homes::prepared(&pg).await;
    homes::provisioned().await;
    let error = refusal(&pg.app, registry(), Options::new()).await;
    assert!(error.contains("schemas of tenants are there, though isolation by row"), "{error}");
    let qualified = registry().register::<Invoice>();
    let error = refusal(&pg.app, qualified, homes::options()).await;
    assert!(error.contains("table billing.invoices names its schema"), "{error}");
    let error = refusal(&pg.app, registry(), Options::new().isolation(Isolation::Database)).await;
    assert!(error.contains("`TenantDb::connect_databases`"), "{error}");

    let rows = testkit::postgres_fresh().await;
    fixture::prepared(&rows).await;
    let schemas = Options::new().isolation(Isolation::Schema);
    let error = refusal(&rows.app, registry(), schemas.clone()).await;
    assert!(error.contains("are there outside the tenants' schemas"), "{error}");
    let moving = schemas.mixed_isolation(true);
    TenantDb::connect_with(rows.app, registry(), moving).await.unwrap();
}

#[tokio::test]
async fn a_tenants_table_in_the_shared_schema_is_refused() {
    let pg = testkit::postgres_fresh().await;
    homes::prepared(&pg).await;
    homes::migrator(&pg).provision(TenantId::new()).await.unwrap();
    TenantDb::connect_with(pg.app.clone(), registry(), homes::options()).await.unwrap();
    pg.set_up("create table shared.notes (id uuid)").await;
    // Even while tenants move: it would be found wherever a schema has no such table.
    let error = refusal(&pg.app, registry(), homes::options().mixed_isolation(true)).await;
    assert!(error.contains("\"notes\" are there outside the tenants' schemas"), "{error}");
}

#[tokio::test]
async fn names_with_another_prefix_are_other_schemas() {
    let pg = testkit::postgres_fresh().await;
    homes::prepared(&pg).await;
    let tenant = TenantId::new();
    let names = SchemaNames::with_prefix("customer_").unwrap().sharing("shared").unwrap();
    homes::migrator(&pg).schema_names(names.clone()).provision(tenant).await.unwrap();
    let db = TenantDb::connect_with(pg.app, registry(), homes::options().schema_names(names));
    let db = db.await.unwrap();
    assert_eq!(emails(&db, tenant).await, [""; 0]);
    let found: Option<String> =
        sqlx::query_scalar("select nspname::text from pg_namespace where nspname like 'customer%'")
            .fetch_optional(&pg.owner)
            .await
            .unwrap();
    assert_eq!(found, Some(format!("customer_{}", tenant.uuid().simple())));
}
