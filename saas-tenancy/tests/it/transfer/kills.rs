//! Real processes, killed at any moment, and begun again until one comes to its end.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::stream;
use rand::RngExt;
use saas_core::{Id, TenantId};
use saas_tenancy::tenants::{self, NewTenant, Procedure, State};
use saas_tenancy::transfer::Transfer;
use saas_tenancy::{Reason, TenantDb};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{PgPool, SqlitePool};

use super::samples::{self, Db, Folder, Rows, Site, exported, registry};

/// Says to the process below what to do: an action, a database, a tenant, a file.
const CHILD: &str = "SAAS_TENANCY_TEST_CHILD";

/// Not a test by itself: the process that the tests below start and kill.
#[tokio::test]
async fn transfer_process() {
    let Ok(child) = std::env::var(CHILD) else { return };
    let words: Vec<_> = child.split('|').collect();
    let [action, url, tenant, file] = words[..] else { panic!("{child}") };
    let tenant = tenant.parse().unwrap();
    if url.starts_with("postgres") {
        let pool = PgPool::connect(url).await.unwrap();
        let db = TenantDb::connect(pool, registry()).await.unwrap();
        act(&db, action, tenant, file).await;
    } else {
        let options = SqliteConnectOptions::new()
            .filename(url)
            .busy_timeout(Duration::from_secs(10))
            .foreign_keys(true)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let db = TenantDb::connect(pool, registry()).await.unwrap();
        act(&db, action, tenant, file).await;
    }
}

async fn act<DB: Db>(db: &TenantDb<DB>, action: &str, tenant: TenantId, file: &str) {
    let transfer = Transfer::new(db, &registry()).unwrap().batch(3);
    match action {
        "provision" => tenants::provision(db, tenant, &steps(), &reason()).await.unwrap(),
        "purge" => {
            let steps = Procedure::new().outside("rows", move |tenant| {
                let transfer = transfer.clone();
                Box::pin(async move {
                    transfer.erase(tenant).await?;
                    Ok(())
                })
            });
            tenants::purge(db, tenant, &steps, &reason()).await.unwrap();
        }
        "erase" => drop(transfer.erase(tenant).await.unwrap()),
        "import" => {
            let text = std::fs::read_to_string(file).unwrap();
            let lines = text.lines().map(|line| Ok::<_, std::io::Error>(line.to_owned()));
            transfer.import(tenant, stream::iter(lines)).await.unwrap();
        }
        _ => panic!("{action}"),
    }
}

fn reason() -> Reason {
    Reason::new("ops", "a test")
}

/// When the first process of an action is killed, at the latest.
const FIRST_KILL: Duration = Duration::from_millis(20);

const MOST_KILLS: usize = 20;

const STEPS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// Each takes some time and leaves two rows.
fn steps<DB: Db>() -> Procedure<DB> {
    STEPS.into_iter().fold(Procedure::new(), |steps, step| {
        steps.step(step, move |tx| {
            Box::pin(async move {
                for half in ["first", "second"] {
                    let name = format!("{step} {half}");
                    tx.insert(&Folder { id: Id::new(), name, parent_id: None }).await?;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Ok(())
            })
        })
    })
}

/// Starts the process again and again until one comes to its end; how many were killed. Each may go
/// on a quarter longer than the one before, so that every stretch of the work is broken off
/// somewhere, however quick the machine.
async fn until_done<DB: Db>(site: &Site<DB>, action: &str, tenant: TenantId, file: &str) -> usize {
    for kills in 0.. {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["transfer::kills::transfer_process", "--exact", "--nocapture"])
            .env(CHILD, format!("{action}|{}|{tenant}|{file}", site.url))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The first are killed before they have got anywhere. A loaded machine must come to an end
        // as well.
        let chance = rand::rng().random_range(0.75..1.0);
        let patience = FIRST_KILL.mul_f64(chance * 1.25_f64.powi(i32::try_from(kills).unwrap()));
        let patience = if kills < MOST_KILLS { patience } else { Duration::from_secs(30) };
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{action} fails after {kills} kills");
                return kills;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(kills <= MOST_KILLS, "{action} does not come to its end");
    }
    unreachable!("kills are counted without end")
}

async fn each_goes_on_where_it_was_killed<DB: Db>(site: Site<DB>) {
    let tenant = TenantId::new();
    let mut tx = site.db.global().await.unwrap();
    let new = NewTenant::new(tenant, format!("t-{}", tenant.uuid().simple()));
    tenants::create(&mut tx, &new, &reason()).await.unwrap();
    tx.commit().await.unwrap();
    let mut kills = until_done(&site, "provision", tenant, "").await;
    assert_eq!(state(&site, tenant).await, State::Active);
    let made = Rows::read(&site.db, tenant).await;
    let mut names: Vec<_> = made.folders.iter().map(|folder| &folder.name[..1]).collect();
    names.sort_unstable();
    assert_eq!(names, STEPS.iter().flat_map(|step| [*step, *step]).collect::<Vec<_>>());

    // Enough for some hundred batches.
    let (from, to, other) = (TenantId::new(), TenantId::new(), TenantId::new());
    let mut rows = samples::some();
    for _ in 0..9 {
        let more = samples::some();
        rows.links.extend(more.links);
        let folder = rows.folders[0].id;
        rows.samples.extend(
            more.samples.into_iter().map(|sample| samples::Sample { folder_id: folder, ..sample }),
        );
    }
    rows.insert(&site.db, from).await;
    samples::some().insert(&site.db, other).await;
    let (export, others) = (exported(&site, from).await, exported(&site, other).await);
    let file = format!("{}/{to}.ndjson", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, export.join("\n")).unwrap();
    kills += until_done(&site, "import", to, &file).await;
    std::fs::remove_file(&file).unwrap();
    assert_eq!(Rows::read(&site.db, to).await.told(), Rows::read(&site.db, from).await.told());
    let again = site.transfer.import(to, samples::lines(&export)).await.unwrap();
    assert_eq!(again.rows.values().sum::<u64>(), rows.count() as u64);

    kills += until_done(&site, "erase", to, "").await;
    assert_eq!(Rows::read(&site.db, to).await.count(), 0);
    assert_eq!(exported(&site, from).await, export);
    assert_eq!(exported(&site, other).await, others);

    let mut tx = site.db.global().await.unwrap();
    tenants::delete(&mut tx, tenant, chrono::Utc::now(), &reason()).await.unwrap();
    tx.commit().await.unwrap();
    kills += until_done(&site, "purge", tenant, "").await;
    assert_eq!(state(&site, tenant).await, State::Purged);
    assert_eq!(Rows::read(&site.db, tenant).await.count(), 0);
    assert_eq!(exported(&site, other).await, others);
    assert!(kills >= 4, "{kills} kills");
}

async fn state<DB: Db>(site: &Site<DB>, tenant: TenantId) -> State {
    let mut tx = site.db.global().await.unwrap();
    tenants::find(&mut tx, tenant).await.unwrap().unwrap().state
}

#[tokio::test]
async fn slow_each_goes_on_where_it_was_killed_on_postgres() {
    each_goes_on_where_it_was_killed(samples::postgres().await).await;
}

#[tokio::test]
async fn slow_each_goes_on_where_it_was_killed_on_sqlite() {
    each_goes_on_where_it_was_killed(samples::sqlite().await).await;
}
