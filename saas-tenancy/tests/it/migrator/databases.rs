//! A PostgreSQL database per tenant.

use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use saas_core::TenantId;
use saas_tenancy::{DatabaseMigrator, Error, Steps};
use saas_testkit as testkit;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use super::{BROKEN, STEPS, first, kill_in_the_middle};

/// A tenant and its database, which has the tenant's digits in its name.
struct Home {
    tenant: TenantId,
    pg: testkit::Postgres,
}

async fn homes(count: usize) -> Vec<Home> {
    let mut homes = Vec::new();
    for _ in 0..count {
        let pg = testkit::postgres_fresh().await;
        let name = pg.owner_options.get_database().unwrap().strip_prefix("fresh_").unwrap();
        let tenant = TenantId::from_uuid(name.parse().unwrap());
        homes.push(Home { tenant, pg });
    }
    homes
}

/// Homes whose tenants had the first step.
async fn provisioned(count: usize) -> Vec<Home> {
    let homes = homes(count).await;
    for home in &homes {
        home.migrator(first()).provision(home.tenant).await.unwrap();
    }
    homes
}

/// Over all databases of the server that the URL names.
pub(super) fn migrator(url: &str, steps: Steps) -> DatabaseMigrator {
    let server = PgConnectOptions::from_str(url).unwrap();
    let opener = move |tenant: TenantId| {
        let options = server.clone().database(&format!("fresh_{}", tenant.uuid().simple()));
        async move { Ok::<_, Error>(options) }
    };
    DatabaseMigrator::new(opener, steps)
}

impl Home {
    fn url(&self) -> String {
        self.pg.owner_options.to_url_lossy().to_string()
    }

    fn migrator(&self, steps: Steps) -> DatabaseMigrator {
        migrator(&self.url(), steps)
    }

    /// Version and state in its own ledger, and the steps that it says it had.
    async fn standing(&self) -> (i64, String, Vec<i32>) {
        let ledger = "select version, state from saas.schemas where name = current_database()";
        let (version, state) = sqlx::query_as(ledger).fetch_one(&self.pg.owner).await.unwrap();
        let steps = sqlx::query_scalar("select step from applied order by step");
        (version, state, steps.fetch_all(&self.pg.owner).await.unwrap())
    }
}

fn tenants(homes: &[Home]) -> Vec<TenantId> {
    homes.iter().map(|home| home.tenant).collect()
}

fn ready() -> (i64, String, Vec<i32>) {
    (3, "ready".to_owned(), vec![1, 2, 3])
}

#[tokio::test]
async fn every_database_comes_to_the_latest_version_and_progress_is_told() {
    let homes = provisioned(3).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = told.clone();
    let all = homes[0].migrator(Steps::new(STEPS)).parallel(2).on_progress(move |progress| {
        listener.lock().unwrap().push((progress.done, progress.total, progress.place.to_owned()));
    });
    // Named twice, it is migrated once.
    let twice = tenants(&homes).into_iter().chain(tenants(&homes));
    let report = all.run(twice).await;
    assert!(report.is_complete(), "{:?}", report.failures);
    assert_eq!((report.version, report.migrated), (3, 3));
    for home in &homes {
        assert_eq!(home.standing().await, ready());
    }
    let told = told.lock().unwrap().clone();
    assert_eq!(
        told.iter().map(|told| (told.0, told.1)).collect::<Vec<_>>(),
        [(1, 3), (2, 3), (3, 3)]
    );
    for home in &homes {
        let name = home.pg.owner_options.get_database().unwrap();
        assert!(told.iter().any(|told| told.2.ends_with(name)), "{told:?}");
    }
    assert_eq!(homes[0].migrator(Steps::new(STEPS)).run(tenants(&homes)).await.migrated, 0);
}

#[tokio::test]
async fn a_database_that_fails_or_is_not_there_stops_no_other_and_is_tried_again() {
    let homes = provisioned(3).await;
    let [ill, busy, well] = &homes[..] else { panic!("three homes") };
    ill.pg.set_up("create view numbers as select 1").await;
    let mut holding = busy.pg.owner.begin().await.unwrap();
    sqlx::query("lock table applied").execute(&mut *holding).await.unwrap();
    let migrator = well.migrator(Steps::new(STEPS)).lock_timeout(Duration::from_millis(100));
    let missing = TenantId::new();
    let report = migrator.run(tenants(&homes).into_iter().chain([missing])).await;
    assert_eq!(report.migrated, 1);
    let error = |tenant| {
        let failed = report.failures.iter().find(|failure| failure.tenant == tenant);
        failed.map(|failure| failure.error.clone()).unwrap_or_default()
    };
    assert!(error(ill.tenant).contains("\"numbers\" already exists"), "{report:?}");
    assert!(error(busy.tenant).contains("lock timeout"), "{report:?}");
    assert!(error(missing).contains("no place of its own"), "{report:?}");
    assert_eq!((well.standing().await, report.failures.len()), (ready(), 3));
    holding.rollback().await.unwrap();
    for home in [ill, busy] {
        assert_eq!(home.standing().await, (1, "failed".to_owned(), vec![1]));
    }
    ill.pg.set_up("drop view numbers").await;
    let report = migrator.run(tenants(&homes)).await;
    assert_eq!((report.migrated, report.is_complete()), (2, true));
    for home in [ill, busy] {
        assert_eq!(home.standing().await, ready());
    }
}

#[tokio::test]
async fn a_database_is_provisioned_as_a_whole_or_not_at_all_and_for_one_tenant() {
    let homes = homes(1).await;
    let home = &homes[0];
    let broken = home.migrator(Steps::new([STEPS[0], BROKEN]));
    let error = broken.provision(home.tenant).await.unwrap_err();
    assert!(matches!(error, Error::Migration { version: 2, .. }), "{error}");
    let made = "select count(*) from pg_class where relname = 'applied'";
    let made: i64 = sqlx::query_scalar(made).fetch_one(&home.pg.owner).await.unwrap();
    assert_eq!(made, 0);

    let whole = home.migrator(Steps::new(STEPS));
    let at_once = (0..4).map(|_| whole.provision(home.tenant));
    futures_util::future::try_join_all(at_once).await.unwrap();
    assert_eq!(home.standing().await, ready());

    let options = home.pg.owner_options.clone();
    let same = move |_| std::future::ready(Ok::<_, Error>(options.clone()));
    let other = DatabaseMigrator::new(same, Steps::new(STEPS));
    let error = other.provision(TenantId::new()).await.unwrap_err();
    assert!(matches!(error, Error::ForeignDatabase { owner, .. } if owner == home.tenant));

    let older = home.migrator(first()).run([home.tenant]).await;
    assert!(older.failures[0].error.contains("is not known here"), "{older:?}");
    assert_eq!(home.standing().await.2, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_migrator_of_databases_resumes_to_one_version_everywhere_slow() {
    let homes = provisioned(16).await;
    let migrated = async || {
        let mut count = 0;
        for home in &homes {
            count += usize::from(home.standing().await.0 == 3);
        }
        count
    };
    let list: Vec<_> = tenants(&homes).iter().map(ToString::to_string).collect();
    let place = format!("{}|{}", homes[0].url(), list.join(","));
    // So that every pool has its connection, and to look takes no time.
    assert_eq!(migrated().await, 0);
    kill_in_the_middle(&place, migrated, homes.len()).await;
    for home in &homes {
        assert_eq!(home.standing().await, ready());
    }
}
