//! Export, erase, import: equal rows, and nobody else's touched.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate};
use futures_util::TryStreamExt;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use saas_core::{Id, TenantId};
use saas_tenancy::{Error, Setting};

use super::samples::{self, Db, Folder, Link, Rows, Sample, Site, exported, lines, on_each};

async fn moves_and_leaves_others_alone<DB: Db>(site: Site<DB>) {
    let (tenant, other, copy) = (TenantId::new(), TenantId::new(), TenantId::new());
    let rows = samples::some();
    rows.insert(&site.db, tenant).await;
    rows.insert(&site.db, other).await;
    let (before, others) = (Rows::read(&site.db, tenant).await, exported(&site, other).await);

    let export = exported(&site, tenant).await;
    assert_eq!(export.len(), 2 + rows.count() + 19 + 16);
    assert!(export.iter().all(|line| !line.contains(&other.to_string())));
    assert_eq!(export, exported(&site, tenant).await, "the same rows give the same lines");

    let copied = site.transfer.import(copy, lines(&export)).await.unwrap();
    assert_eq!(Rows::read(&site.db, copy).await.told(), before.told());
    // Finished, so that once more does nothing.
    assert_eq!(site.transfer.import(copy, lines(&export)).await.unwrap(), copied);

    let erased = site.transfer.erase(tenant).await.unwrap();
    let counts = [("folders", 20), ("links", 16), ("samples", 40)];
    assert_eq!(erased.rows, counts.map(|(table, rows)| (table.to_owned(), rows)).into());
    assert_eq!(erased, copied);
    assert_eq!(Rows::read(&site.db, tenant).await.count(), 0);
    assert_eq!(exported(&site, other).await, others);

    assert_eq!(site.transfer.import(tenant, lines(&export)).await.unwrap(), copied);
    assert_eq!(Rows::read(&site.db, tenant).await.told(), before.told());
    assert_eq!(exported(&site, tenant).await, export);
    assert_eq!(exported(&site, other).await, others);
    assert_eq!(site.transfer.erase(TenantId::new()).await.unwrap().rows, BTreeMap::new());
}

const SEATS: Setting<u32> = Setting::new("seats", || 5);

async fn settings_go_and_audit_entries_stay<DB: Db>(site: Site<DB>) -> TenantId {
    let (tenant, other) = (TenantId::new(), TenantId::new());
    for tenant in [tenant, other] {
        let mut tx = site.db.tenant(tenant).await.unwrap();
        tx.set(&SEATS, 50, "mia").await.unwrap();
        tx.commit().await.unwrap();
    }
    site.transfer.erase(tenant).await.unwrap();
    for (tenant, seats) in [(tenant, 5), (other, 50)] {
        let mut tx = site.db.tenant(tenant).await.unwrap();
        assert_eq!(tx.settings().await.unwrap().get(&SEATS).unwrap(), seats);
        assert_eq!(tx.entries().newest(10, &mut tx).await.unwrap().len(), 1);
    }
    tenant
}

async fn an_export_is_of_one_snapshot<DB: Db>(site: Site<DB>) {
    let tenant = TenantId::new();
    samples::some().insert(&site.db, tenant).await;
    let mut export = site.transfer.export(tenant);
    let first = export.try_next().await.unwrap().unwrap();
    let folder = Folder { id: Id::new(), name: "late".into(), parent_id: None };
    let mut tx = site.db.tenant(tenant).await.unwrap();
    tx.insert(&folder).await.unwrap();
    tx.commit().await.unwrap();
    let rest: Vec<_> = export.try_collect().await.unwrap();
    assert!(rest.iter().all(|line| !line.contains("late")), "{first}");
    assert_eq!(exported(&site, tenant).await.len(), rest.len() + 2);
}

on_each!(
    moves_and_leaves_others_alone,
    settings_go_and_audit_entries_stay,
    an_export_is_of_one_snapshot,
);

#[tokio::test]
async fn audit_entries_go_only_by_the_owner() {
    let site = samples::postgres().await;
    let tenant = settings_go_and_audit_entries_stay(site).await;
    let pg = samples::owned().await;
    let mut app = pg.app.acquire().await.unwrap();
    let error = saas_tenancy::transfer::erase_audit::<sqlx::Postgres>(&mut app, tenant).await;
    assert!(matches!(error, Err(Error::NotGranted(_))), "{error:?}");
    let mut owner = pg.owner.acquire().await.unwrap();
    let gone = saas_tenancy::transfer::erase_audit::<sqlx::Postgres>(&mut owner, tenant).await;
    assert_eq!(gone.unwrap(), 1);
}

#[tokio::test]
async fn on_sqlite_the_guard_of_the_audit_table_is_back_afterwards() {
    let site = samples::sqlite().await;
    let pool = site.db.pool().clone();
    let tenant = {
        let mut tx = site.db.global().await.unwrap();
        tx.audit(saas_tenancy::AuditEntry::new("mia", "nobody's")).await.unwrap();
        tx.commit().await.unwrap();
        let tenant = TenantId::new();
        let mut tx = site.db.tenant(tenant).await.unwrap();
        tx.audit(saas_tenancy::AuditEntry::new("mia", "theirs")).await.unwrap();
        tx.commit().await.unwrap();
        tenant
    };
    let mut conn = pool.acquire().await.unwrap();
    let gone = saas_tenancy::transfer::erase_audit::<sqlx::Sqlite>(&mut conn, tenant).await;
    assert_eq!(gone.unwrap(), 1);
    let error = sqlx::query("delete from saas_audit").execute(&mut *conn).await.unwrap_err();
    assert!(error.to_string().contains("tenant wall"), "{error}");
}

/// Rows with anything in them that both databases can hold; NaN only where PostgreSQL does.
fn any_rows(nan: bool) -> impl Strategy<Value = Rows> {
    let text = || {
        vec(any::<char>().prop_filter("PostgreSQL has no NUL", |one| *one != '\0'), 0..12)
            .prop_map(String::from_iter)
    };
    let json = || {
        prop_oneof![
            Just(serde_json::Value::Null),
            any::<i64>().prop_map(Into::into),
            text().prop_map(|text| serde_json::json!({ "text": text, "list": [null, true, 0.5] })),
        ]
    };
    let float =
        any::<u64>().prop_map(f64::from_bits).prop_filter("SQLite has no NaN", move |one| {
            // Nor a negative zero.
            (nan || !one.is_nan()) && one.to_bits() != (-0.0_f64).to_bits()
        });
    let moment = (-50_000_000_000_000_000_i64..200_000_000_000_000_000)
        .prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap());
    let day = (1..3_000_000).prop_map(|days| NaiveDate::from_num_days_from_ce_opt(days).unwrap());
    let sample = (
        (any::<u128>(), 0_usize..30, text(), option::of(any::<i16>()), option::of(any::<i32>())),
        (any::<i64>(), option::of(float), option::of(any::<bool>()), option::of(moment)),
        (option::of(day), option::of(vec(any::<u8>(), 0..40)), option::of(json()), json()),
    );
    let folders = vec((any::<u128>(), option::of(0_usize..30)), 1..30);
    let links = vec((any::<u128>(), 0_usize..30), 0..30);
    (folders, links, vec(sample, 0..40)).prop_map(|(folders, links, samples)| {
        let folder =
            |at: usize| Id::from_uuid(uuid::Uuid::from_u128(folders[at % folders.len()].0));
        let link = |at: usize| Id::from_uuid(uuid::Uuid::from_u128(links[at % links.len()].0));
        Rows {
            folders: (0..folders.len())
                .map(|at| Folder {
                    id: folder(at),
                    name: at.to_string(),
                    parent_id: folders[at].1.map(folder),
                })
                .collect(),
            links: (0..links.len())
                .map(|at| Link { id: link(at), next_id: link(links[at].1) })
                .collect(),
            samples: samples
                .into_iter()
                .map(|((id, at, text, small, int), (big, float, yes, moment), rest)| {
                    let (on_day, bytes, json, always_json) = rest;
                    let (id, folder_id) = (Id::from_uuid(uuid::Uuid::from_u128(id)), folder(at));
                    let at = moment;
                    Sample {
                        id,
                        folder_id,
                        text,
                        small,
                        int,
                        big,
                        float,
                        yes,
                        at,
                        on_day,
                        bytes,
                        json,
                        always_json,
                    }
                })
                .collect(),
        }
    })
}

/// Rows of some seed, the same in each run.
fn rows_of(cases: usize, nan: bool) -> Vec<Rows> {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let strategy = any_rows(nan);
    (0..cases).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[tokio::test]
async fn any_rows_go_from_sqlite_to_postgres_and_back() {
    let (lite, post) = (samples::sqlite().await, samples::postgres().await);
    for rows in rows_of(60, false) {
        let (tenant, there) = (TenantId::new(), TenantId::new());
        rows.insert(&lite.db, tenant).await;
        let before = Rows::read(&lite.db, tenant).await;
        let moved = lite.transfer.export(tenant);
        post.transfer.import(there, moved).await.unwrap();
        assert_eq!(Rows::read(&post.db, there).await.told(), before.told());
        lite.transfer.erase(tenant).await.unwrap();
        assert_eq!(Rows::read(&lite.db, tenant).await.count(), 0);
        lite.transfer.import(tenant, post.transfer.export(there)).await.unwrap();
        assert_eq!(Rows::read(&lite.db, tenant).await.told(), before.told());
        post.transfer.erase(there).await.unwrap();
        assert_eq!(Rows::read(&post.db, there).await.count(), 0);
    }
}

#[tokio::test]
async fn any_rows_come_back_to_postgres_whatever_their_floats() {
    let post = samples::postgres().await;
    for rows in rows_of(60, true) {
        let tenant = TenantId::new();
        rows.insert(&post.db, tenant).await;
        let before = Rows::read(&post.db, tenant).await;
        let export = exported(&post, tenant).await;
        post.transfer.erase(tenant).await.unwrap();
        post.transfer.import(tenant, lines(&export)).await.unwrap();
        assert_eq!(Rows::read(&post.db, tenant).await.told(), before.told());
    }
}
