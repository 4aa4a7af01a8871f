//! A SQLite file per tenant.

use saas_core::TenantId;
use saas_tenancy::{FileMigrator, Files, Steps};
use saas_testkit as testkit;
use sqlx::{ConnectOptions, Row};

use super::{STEPS, first, kill_in_the_middle};

/// What is in a file's own ledger, and the steps that it says it had.
async fn in_file(files: &Files, tenant: TenantId) -> (i64, String, Vec<i32>) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(files.path(tenant));
    let mut conn = options.connect().await.unwrap();
    let row =
        sqlx::query("select version, state from saas_schemas").fetch_one(&mut conn).await.unwrap();
    let steps = sqlx::query_scalar("select step from applied order by step");
    (row.get(0), row.get(1), steps.fetch_all(&mut conn).await.unwrap())
}

async fn files(shared: &testkit::Sqlite, count: usize) -> (Files, Vec<TenantId>) {
    let files = Files::new(crate::homes::folder(shared));
    let tenants: Vec<_> = (0..count).map(|_| TenantId::new()).collect();
    for tenant in &tenants {
        FileMigrator::new(files.clone(), first()).provision(*tenant).await.unwrap();
    }
    (files, tenants)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_migrator_of_files_resumes_to_one_version_everywhere_slow() {
    let shared = testkit::sqlite().await;
    let (files, tenants) = files(&shared, 60).await;
    let migrated = async || {
        let mut count = 0;
        for tenant in &tenants {
            count += usize::from(in_file(&files, *tenant).await.0 == 3);
        }
        count
    };
    let place = files.path(tenants[0]).parent().unwrap().to_str().unwrap().to_owned();
    kill_in_the_middle(&place, migrated, tenants.len()).await;
    for tenant in &tenants {
        assert_eq!(in_file(&files, *tenant).await, (3, "ready".to_owned(), vec![1, 2, 3]));
    }
}

#[tokio::test]
async fn a_file_that_fails_stops_no_other_and_is_tried_again() {
    let shared = testkit::sqlite().await;
    let (files, tenants) = files(&shared, 4).await;
    let break_it = sqlx::sqlite::SqliteConnectOptions::new().filename(files.path(tenants[1]));
    let mut conn = break_it.connect().await.unwrap();
    sqlx::query("create table numbers (n integer)").execute(&mut conn).await.unwrap();
    let migrator = FileMigrator::new(files.clone(), Steps::new(STEPS));
    let report = migrator.run().await.unwrap();
    assert_eq!((report.version, report.migrated, report.failures.len()), (3, 3, 1));
    assert_eq!(report.failures[0].tenant, tenants[1]);
    assert!(report.failures[0].error.contains("numbers"), "{:?}", report.failures);
    assert_eq!(in_file(&files, tenants[1]).await, (1, "failed".to_owned(), vec![1]));
    sqlx::query("drop table numbers").execute(&mut conn).await.unwrap();
    let report = migrator.run().await.unwrap();
    assert_eq!((report.migrated, report.is_complete()), (1, true));
    assert_eq!(in_file(&files, tenants[1]).await, (3, "ready".to_owned(), vec![1, 2, 3]));
    let changed = FileMigrator::new(files, Steps::new(["select 1", STEPS[1], STEPS[2]]));
    assert_eq!(changed.run().await.unwrap().failures.len(), 4);
}
