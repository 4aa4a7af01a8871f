//! Migrations of many schemas and files: shared by processes, resumed after SIGKILL.

use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use saas_core::TenantId;
use saas_tenancy::{Error, FileMigrator, Files, SchemaMigrator, SchemaNames, Steps};
use saas_testkit as testkit;
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool, Postgres, Row};

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

/// Names where the process below finds its work.
const CHILD: &str = "SAAS_TENANCY_TEST_MIGRATOR";

/// Not a test by itself: the migrating process that the tests below start and kill.
#[tokio::test]
async fn migrating_process() {
    let Ok(place) = std::env::var(CHILD) else { return };
    let steps = Steps::new(STEPS);
    if place.starts_with("postgres") {
        let pool = PgPool::connect(&place).await.unwrap();
        let migrator = SchemaMigrator::new(pool, steps, "nobody").parallel(3);
        assert!(migrator.run().await.unwrap().is_complete());
    } else {
        let migrator = FileMigrator::new(Files::new(place), steps).parallel(3);
        assert!(migrator.run().await.unwrap().is_complete());
    }
}

struct Process(Child);

impl Process {
    fn start(place: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["migrator::migrating_process", "--exact", "--nocapture"])
            .env(CHILD, place)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// SIGKILL; whether it was still at work.
    fn kill(mut self) -> bool {
        let at_work = self.0.try_wait().unwrap().is_none();
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        at_work
    }

    fn finish(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

/// Starts migrators and kills them, each a little further on, until one comes to the end.
async fn kill_in_the_middle(place: &str, progress: impl AsyncFn() -> usize, all: usize) {
    let mut random = StdRng::seed_from_u64(3);
    let (mut kills, mut before) = (0, 0);
    while kills < 6 {
        let (one, two) = (Process::start(place), Process::start(place));
        // Until it is at work, and then a random moment more.
        while progress().await <= before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_micros(random.random_range(0..30_000))).await;
        let at_work = [one.kill(), two.kill()];
        before = progress().await;
        if before == all {
            break;
        }
        kills += at_work.into_iter().filter(|at_work| *at_work).count();
    }
    assert!(kills >= 2 && before > 0, "{kills} kills, {before} of {all} migrated");
    Process::start(place).finish();
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
