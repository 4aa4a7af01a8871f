//! Migrations of many schemas, databases and files: shared by processes, resumed after SIGKILL.

mod databases;
mod files;
mod killed;

use std::sync::Mutex;

use saas_core::TenantId;
use saas_tenancy::{Error, SchemaMigrator, SchemaNames, Steps};
use saas_testkit as testkit;
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool, Postgres};

use self::killed::kill_in_the_middle;

/// Each step says that it was applied, so that twice would be seen. The second is slow enough to be
/// killed in its middle.
const STEPS: [&str; 3] = [
    "create table applied (step integer); insert into applied values (1)",
    "alter table applied add column at text;
     create table numbers as with recursive n (n) as (select 1 union all select n + 1 from n where n < 100000)
        select n from n;
     insert into applied (step) values (2)",
    "create index applied_step on applied (step); insert into applied (step) values (3)",
];
const BROKEN: &str = "insert into broken values (1)";

fn first() -> Steps {
    Steps::new(STEPS.iter().copied().take(1))
}

async fn fresh() -> testkit::Postgres {
    let pg = testkit::postgres_fresh().await;
    saas_tenancy::migrate::<Postgres>(&mut pg.owner.acquire().await.unwrap()).await.unwrap();
    pg
}

fn schemas(pg: &testkit::Postgres, steps: Steps) -> SchemaMigrator {
    SchemaMigrator::new(pg.owner.clone(), steps, &pg.app_role)
}

async fn provisioned(pg: &testkit::Postgres, count: usize) -> Vec<TenantId> {
    let migrator = schemas(pg, first());
    let tenants: Vec<_> = (0..count).map(|_| TenantId::new()).collect();
    for tenant in &tenants {
        migrator.provision(*tenant).await.unwrap();
    }
    tenants
}

/// The steps that a schema says it had, in their order.
async fn applied(pool: &PgPool, tenant: TenantId) -> Vec<i32> {
    let schema = SchemaNames::default().of(tenant);
    let query = format!("select step from {schema}.applied order by step");
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(pool).await.unwrap()
}

/// Version, state, attempts and error of a tenant.
async fn ledger(pool: &PgPool, tenant: TenantId) -> (i64, String, i32, Option<String>) {
    sqlx::query_as("select version, state, attempts, error from saas.schemas where tenant_id = $1")
        .bind(tenant)
        .fetch_one(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn every_schema_comes_to_the_latest_version_and_progress_is_told() {
    let pg = fresh().await;
    let tenants = provisioned(&pg, 7).await;
    let told = std::sync::Arc::new(Mutex::new(Vec::new()));
    let (listener, calls) = (told.clone(), schemas(&pg, Steps::new(STEPS)).parallel(3));
    let calls = calls.on_progress(move |progress| {
        listener.lock().unwrap().push((progress.tenant, progress.done, progress.total));
    });
    let report = calls.run().await.unwrap();
    assert!(report.is_complete());
    assert_eq!((report.version, report.migrated), (3, 7));
    for tenant in &tenants {
        assert_eq!(applied(&pg.owner, *tenant).await, [1, 2, 3]);
        assert_eq!(ledger(&pg.owner, *tenant).await, (3, "ready".into(), 2, None));
    }
    let told = told.lock().unwrap().clone();
    let mut done: Vec<_> = told.iter().map(|(_, done, _)| *done).collect();
    done.sort_unstable();
    assert_eq!(done, [1, 2, 3, 4, 5, 6, 7]);
    assert!(told.iter().all(|(tenant, _, total)| tenants.contains(tenant) && *total == 7));
    assert_eq!(schemas(&pg, Steps::new(STEPS)).run().await.unwrap().migrated, 0);
}

#[tokio::test]
async fn a_schema_that_fails_stops_no_other_and_is_tried_again() {
    let pg = fresh().await;
    let tenants = provisioned(&pg, 5).await;
    let ill = SchemaNames::default().of(tenants[2]);
    pg.set_up(&format!("create view {ill}.numbers as select 1")).await;
    let report = schemas(&pg, Steps::new(STEPS)).parallel(2).run().await.unwrap();
    assert_eq!((report.migrated, report.failures.len()), (4, 1));
    let failure = &report.failures[0];
    assert_eq!((failure.tenant, failure.place.as_str()), (tenants[2], ill.as_str()));
    assert!(failure.error.contains("migration 2 failed"), "{failure:?}");
    assert!(failure.error.contains("\"numbers\" already exists"), "{failure:?}");
    assert_eq!(applied(&pg.owner, tenants[2]).await, [1]);
    let (version, state, attempts, error) = ledger(&pg.owner, tenants[2]).await;
    assert_eq!((version, state.as_str(), attempts), (1, "failed", 2));
    assert_eq!(error.as_ref(), Some(&failure.error));
    pg.set_up(&format!("drop view {ill}.numbers")).await;
    let report = schemas(&pg, Steps::new(STEPS)).run().await.unwrap();
    assert_eq!((report.migrated, report.is_complete()), (1, true));
    assert_eq!(applied(&pg.owner, tenants[2]).await, [1, 2, 3]);
    assert_eq!(ledger(&pg.owner, tenants[2]).await, (3, "ready".into(), 3, None));
}

#[tokio::test]
async fn a_migration_that_changed_or_is_not_known_is_refused_before_anything_is_done() {
    let pg = fresh().await;
    let tenants = provisioned(&pg, 2).await;
    let ahead = schemas(&pg, Steps::new(STEPS));
    ahead.provision(tenants[0]).await.unwrap();
    let older = schemas(&pg, first()).run().await.unwrap_err();
    assert!(matches!(older, Error::UnknownMigration { version: 3, .. }), "{older}");
    let changed = Steps::new(["select 1", STEPS[1], STEPS[2]]);
    let changed = schemas(&pg, changed).run().await.unwrap_err();
    assert!(changed.to_string().contains("changed since"), "{changed}");
    assert_eq!(applied(&pg.owner, tenants[1]).await, [1]);
}

#[tokio::test]
async fn a_schema_is_provisioned_as_a_whole_or_not_at_all_and_once() {
    let pg = fresh().await;
    let tenant = TenantId::new();
    let broken = schemas(&pg, Steps::new([STEPS[0], BROKEN]));
    let error = broken.provision(tenant).await.unwrap_err();
    assert!(matches!(error, Error::Migration { version: 2, .. }), "{error}");
    let there = "select count(*) from pg_namespace where nspname = $1";
    let name = SchemaNames::default().of(tenant);
    let there = async || -> i64 {
        sqlx::query_scalar(there).bind(name.clone()).fetch_one(&pg.owner).await.unwrap()
    };
    assert_eq!(there().await, 0);
    let migrator = schemas(&pg, Steps::new(STEPS));
    let at_once = (0..4).map(|_| migrator.provision(tenant));
    futures_util::future::try_join_all(at_once).await.unwrap();
    assert_eq!((there().await, applied(&pg.owner, tenant).await), (1, vec![1, 2, 3]));
    migrator.remove(tenant).await.unwrap();
    migrator.remove(tenant).await.unwrap();
    assert_eq!(there().await, 0);
    let rows: i64 =
        sqlx::query_scalar("select count(*) from saas.schemas").fetch_one(&pg.owner).await.unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_schema_that_somebody_else_made_is_not_taken_over() {
    let pg = fresh().await;
    let tenant = TenantId::new();
    pg.set_up(&format!("create schema {}", SchemaNames::default().of(tenant))).await;
    let error = schemas(&pg, first()).provision(tenant).await.unwrap_err();
    assert!(matches!(error, Error::Migration { version: 0, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_migrator_resumes_to_one_version_everywhere_slow() {
    let pg = fresh().await;
    let tenants = provisioned(&pg, 60).await;
    let url = pg.owner_options.to_url_lossy().to_string();
    let migrated = async || {
        let count = "select count(*) from saas.schemas where version = 3";
        let count: i64 = sqlx::query_scalar(count).fetch_one(&pg.owner).await.unwrap();
        count as usize
    };
    kill_in_the_middle(&url, migrated, tenants.len()).await;
    for tenant in tenants {
        assert_eq!(applied(&pg.owner, tenant).await, [1, 2, 3]);
        assert_eq!(ledger(&pg.owner, tenant).await.0, 3);
    }
}
