//! What a database or file per tenant promises besides: a budget of pools, one opening for all who
//! want it, nothing that an aborted or failed opening holds, and no way to another's file.

use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use saas_core::TenantId;
use saas_tenancy::{
    Databases, Error, ErrorKind, FileMigrator, Files, Isolation, Options, Steps, TenantDb, wall,
};
use saas_testkit as testkit;
use sqlx::{Postgres, Sqlite};

use crate::fixture::{Customer, registry};
use crate::homes;

/// Tenants' files under a budget, and what must outlive them.
struct Site {
    db: TenantDb<Sqlite>,
    files: Files,
    migrator: FileMigrator,
    _shared: testkit::Sqlite,
}

async fn site(max_open: usize, wait: Duration) -> Site {
    let shared = testkit::sqlite().await;
    saas_tenancy::migrate::<Sqlite>(&mut *shared.pool.acquire().await.unwrap()).await.unwrap();
    let files = Files::new(homes::folder(&shared));
    let databases =
        Databases::new(files.clone()).max_open(max_open).connections(2).acquire_timeout(wait);
    let pool = shared.pool.clone();
    let db = TenantDb::connect_databases(pool, databases, registry(), Options::new());
    let migrator = FileMigrator::new(files.clone(), homes::file_steps());
    Site { db: db.await.unwrap(), files, migrator, _shared: shared }
}

impl Site {
    async fn tenants(&self, count: usize) -> Vec<TenantId> {
        let tenants: Vec<_> = (0..count).map(|_| TenantId::new()).collect();
        for tenant in &tenants {
            self.migrator.provision(*tenant).await.unwrap();
        }
        tenants
    }

    async fn read(&self, tenant: TenantId) -> Result<Vec<Customer>, Error> {
        self.db.read(tenant).select::<Customer>().all().await
    }
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn the_pool_that_was_not_used_for_longest_makes_room() {
    let site = site(2, LONG).await;
    assert_eq!(site.db.isolation(), Isolation::Database);
    let tenants = site.tenants(3).await;
    for tenant in [0, 1, 0, 2, 0] {
        site.read(tenants[tenant]).await.unwrap();
    }
    let stats = site.db.pool_stats();
    // 0 stayed open, since 1 was not used for longer when 2 came.
    assert_eq!((stats.opened, stats.evicted), (3, 1));
    assert_eq!((stats.max_open, stats.open, stats.in_use), (2, 2, 0));
    assert!(site.db.close_tenant(tenants[0]).await);
    assert_eq!(site.db.pool_stats().open, 1);
}

#[tokio::test]
async fn where_all_pools_are_in_use_the_error_names_the_numbers() {
    let site = site(2, SHORT).await;
    let tenants = site.tenants(3).await;
    let first = site.db.tenant(tenants[0]).await.unwrap();
    let _second = site.db.tenant(tenants[1]).await.unwrap();
    let error = site.read(tenants[2]).await.unwrap_err();
    assert_eq!(error.to_string(), "all 2 tenant pools of 2 connections were in use for 100ms");
    assert_eq!(error.kind(), ErrorKind::Retry);
    assert!(!site.db.close_tenant(tenants[0]).await);
    assert_eq!(site.read(tenants[1]).await.unwrap(), []);
    first.rollback().await.unwrap();
    assert_eq!(site.read(tenants[2]).await.unwrap(), []);
    let stats = site.db.pool_stats();
    assert_eq!((stats.refused, stats.evicted), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_place_gets_it_as_soon_as_one_is_free() {
    let site = site(1, LONG).await;
    let tenants = site.tenants(9).await;
    let held = site.db.tenant(tenants[0]).await.unwrap();
    let waiting: Vec<_> = tenants[1..]
        .iter()
        .map(|tenant| {
            let (db, tenant) = (site.db.clone(), *tenant);
            tokio::spawn(async move { db.tenant(tenant).await.unwrap().commit().await })
        })
        .collect();
    tokio::time::sleep(SHORT).await;
    drop(held);
    for waiting in waiting {
        waiting.await.unwrap().unwrap();
    }
    let stats = site.db.pool_stats();
    assert_eq!((stats.opened, stats.refused, stats.in_use), (9, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_want_a_tenant_at_once_open_one_pool() {
    let site = Arc::new(site(4, LONG).await);
    let tenant = site.tenants(1).await[0];
    let readers: Vec<_> = (0..32)
        .map(|_| {
            let site = site.clone();
            tokio::spawn(async move { site.read(tenant).await })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap().unwrap(), []);
    }
    assert_eq!(site.db.pool_stats().opened, 1);
}

#[tokio::test]
async fn a_tenant_without_a_file_is_an_error_that_makes_none_and_is_not_kept() {
    let site = site(2, SHORT).await;
    let tenant = TenantId::new();
    for _ in 0..3 {
        let error = site.read(tenant).await.unwrap_err();
        assert!(matches!(error, Error::NotProvisioned { tenant: named } if named == tenant));
    }
    assert_eq!(site.files.tenants().unwrap(), []);
    let stats = site.db.pool_stats();
    assert_eq!((stats.failed, stats.open), (3, 0));
    site.migrator.provision(tenant).await.unwrap();
    assert_eq!(site.read(tenant).await.unwrap(), []);
}

#[tokio::test]
async fn a_file_is_read_only_when_it_is_complete_and_by_its_own_tenant() {
    let site = site(2, SHORT).await;
    let tenant = site.tenants(1).await[0];
    let half = TenantId::new();
    let broken = Steps::new(["create table x (y)", "insert into missing values (1)"]);
    FileMigrator::new(site.files.clone(), broken).provision(half).await.unwrap_err();
    assert!(site.files.path(half).exists());
    assert!(matches!(site.read(half).await.unwrap_err(), Error::NotProvisioned { .. }));
    site.migrator.provision(half).await.unwrap();
    assert_eq!(site.read(half).await.unwrap(), []);

    let thief = TenantId::new();
    std::fs::copy(site.files.path(tenant), site.files.path(thief)).unwrap();
    let error = site.read(thief).await.unwrap_err();
    assert!(matches!(error, Error::ForeignDatabase { owner, .. } if owner == tenant), "{error}");
    let error = site.migrator.provision(thief).await.unwrap_err();
    assert!(matches!(error, Error::ForeignDatabase { .. }), "{error}");
    assert_eq!(site.files.tenants().unwrap().len(), 3);
    site.db.close_tenant(tenant).await;
    for _ in 0..2 {
        site.files.remove(tenant).unwrap();
    }
    assert!(matches!(site.read(tenant).await.unwrap_err(), Error::NotProvisioned { .. }));
}

#[tokio::test]
async fn a_file_without_the_registered_tables_is_refused_when_it_is_opened() {
    let site = site(2, SHORT).await;
    let tenant = TenantId::new();
    let other = FileMigrator::new(site.files.clone(), Steps::new(["create table x (y)"]));
    other.provision(tenant).await.unwrap();
    let error = site.read(tenant).await.unwrap_err();
    assert!(matches!(error, Error::Unsafe(_)), "{error}");
    assert!(error.to_string().contains("customers"), "{error}");
}

async fn write_and_read(db: &TenantDb<Sqlite>, tenant: TenantId) -> Result<(), Error> {
    let mut tx = db.tenant(tenant).await?;
    tx.insert(&Customer::new(tenant, &TenantId::new().to_string())).await?;
    let seen = tx.select::<Customer>().limit(5).all(&mut tx).await?;
    assert!(!seen.is_empty() && seen.iter().all(|customer| customer.tenant_id == tenant));
    tx.commit().await
}

/// Tasks that race for fewer places than there are tenants; some give up at random moments.
async fn race(site: &Site, tenants: &[TenantId], impatient: bool) -> usize {
    let mut aborted = 0;
    let tasks: Vec<_> = (0..6)
        .map(|task| {
            let (db, tenants) = (site.db.clone(), tenants.to_vec());
            tokio::spawn(async move {
                let (mut random, mut aborted) = (StdRng::seed_from_u64(task), 0);
                for _ in 0..60 {
                    let tenant = tenants[random.random_range(0..tenants.len())];
                    let patience = match impatient {
                        true => Duration::from_micros(random.random_range(0..20_000)),
                        false => LONG,
                    };
                    let work = write_and_read(&db, tenant);
                    match tokio::time::timeout(patience, work).await {
                        Ok(done) => done.unwrap(),
                        Err(_) => aborted += 1,
                    }
                    let stats = db.pool_stats();
                    assert!(stats.open <= stats.max_open && stats.in_use <= stats.open);
                }
                aborted
            })
        })
        .collect();
    for task in tasks {
        aborted += task.await.unwrap();
    }
    aborted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_tenants_stay_within_the_budget_and_apart_slow() {
    let site = site(3, LONG).await;
    let tenants = site.tenants(8).await;
    assert_eq!(race(&site, &tenants, false).await, 0);
    assert!(site.db.pool_stats().evicted > 10, "{:?}", site.db.pool_stats());
    let mut rows = 0;
    for tenant in tenants {
        let select = site.db.read(tenant).select::<Customer>().limit(1000);
        rows += select.all().await.unwrap().len();
    }
    assert_eq!(rows, 360);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_up_holds_no_place_slow() {
    let site = site(2, LONG).await;
    let tenants = site.tenants(6).await;
    let aborted = race(&site, &tenants, true).await;
    assert!(aborted > 30, "only {aborted} gave up");
    let stats = site.db.pool_stats();
    assert_eq!(stats.in_use, 0, "{stats:?}");
    // Each place can still be had, all at once.
    let one = site.db.tenant(tenants[0]).await.unwrap();
    let two = site.db.tenant(tenants[1]).await.unwrap();
    drop((one, two));
}

#[tokio::test]
async fn closing_waits_for_who_is_at_work_and_opens_nothing_any_more() {
    let site = site(2, SHORT).await;
    let tenants = site.tenants(2).await;
    let mut tx = site.db.tenant(tenants[0]).await.unwrap();
    let db = site.db.clone();
    let closing = tokio::spawn(async move { db.close().await });
    tokio::time::sleep(SHORT).await;
    assert!(!closing.is_finished());
    tx.insert(&Customer::new(tenants[0], "last@x")).await.unwrap();
    tx.commit().await.unwrap();
    closing.await.unwrap();
    for tenant in tenants {
        assert!(matches!(site.read(tenant).await.unwrap_err(), Error::Unavailable(_)));
    }
    assert!(site.db.pool().is_closed());
}

#[tokio::test]
async fn a_closure_leads_each_tenant_to_its_own_database() {
    let shared = testkit::postgres_fresh().await;
    let homes = [testkit::postgres_fresh().await, testkit::postgres_fresh().await];
    let roles = wall::Roles::new(&shared.app_role);
    let script = wall::script(&registry(), &roles, saas_core::schema::Dialect::Postgres).unwrap();
    for pg in homes.iter().chain([&shared]) {
        let mut owner = pg.owner.acquire().await.unwrap();
        saas_tenancy::migrate::<Postgres>(&mut owner).await.unwrap();
        pg.set_up(&script).await;
    }
    let tenants = [TenantId::new(), TenantId::new()];
    let places: Vec<_> = tenants.into_iter().zip(homes.map(|pg| pg.app_options)).collect();
    let server = shared.app_options.clone();
    let databases = Databases::<Postgres>::new(move |tenant| {
        let place = places.iter().find(|(owner, _)| *owner == tenant);
        let options =
            place.map_or_else(|| server.clone().database("missing"), |(_, at)| at.clone());
        async move { Ok::<_, Error>(options) }
    });
    let db = TenantDb::connect_databases(shared.app, databases, registry(), Options::new());
    let db = db.await.unwrap();
    for (tenant, email) in tenants.into_iter().zip(["a@x", "b@x"]) {
        let mut tx = db.tenant(tenant).await.unwrap();
        tx.insert(&Customer::new(tenant, email)).await.unwrap();
        tx.commit().await.unwrap();
    }
    for (tenant, email) in tenants.into_iter().zip(["a@x", "b@x"]) {
        let mut tx = db.tenant(tenant).await.unwrap();
        // Without a wall too there would be nobody else's rows here.
        let all =
            sqlx::query_scalar::<_, String>("select email from customers").fetch_all(tx.raw());
        assert_eq!(all.await.unwrap(), [email.to_owned()]);
    }
    let unknown = db.tenant(TenantId::new()).await.unwrap_err();
    assert!(matches!(unknown, Error::NotProvisioned { .. }), "{unknown}");
}
