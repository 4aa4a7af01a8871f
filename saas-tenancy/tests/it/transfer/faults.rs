//! What an import, and the continuation of an export, refuse, and how they say so.

use std::error::Error as _;

use chrono::Utc;
use futures_util::{StreamExt, TryStreamExt, stream};
use saas_core::TenantId;
use saas_tenancy::tenants::{self, NewTenant, Procedure};
use saas_tenancy::transfer::Transfer;
use saas_tenancy::{Error, ErrorKind, Reason, Registry};
use sqlx::Sqlite;

use super::samples::{self, Db, Folder, Link, Rows, Site, exported, lines, on_each};

/// The message with those of its sources.
fn told(error: &Error) -> String {
    let sources = std::iter::successors(error.source(), |error| (*error).source());
    sources.fold(error.to_string(), |told, source| format!("{told}: {source}"))
}

/// What an import of these lines into a new tenant says, and what it leaves there.
async fn refused<DB: Db>(site: &Site<DB>, export: &[String]) -> (String, Rows) {
    let tenant = TenantId::new();
    let error = site.transfer.import(tenant, lines(export)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
    (told(&error), Rows::read(&site.db, tenant).await)
}

/// The export with one line changed.
fn changed(export: &[String], line: usize, from: &str, to: &str) -> Vec<String> {
    let mut export = export.to_vec();
    assert!(export[line - 1].contains(from), "{} has {from}", export[line - 1]);
    export[line - 1] = export[line - 1].replacen(from, to, 1);
    export
}

async fn every_broken_line_is_named<DB: Db>(site: Site<DB>) {
    let tenant = TenantId::new();
    samples::some().insert(&site.db, tenant).await;
    let export = exported(&site, tenant).await;
    let last = export.len();
    let sample = 1 + export.iter().position(|line| line.contains("\"samples\",\"r\"")).unwrap();
    let cases = [
        (
            changed(&export, 1, "\"version\":1", "\"version\":2"),
            "line 1 of the export cannot be taken: says version 2 of the format; version 1 is known",
        ),
        (
            changed(&export, 1, "saas-tenancy", "other"),
            "line 1 of the export cannot be taken: is no line of an export",
        ),
        (
            changed(&export, 1, "\"folders\"", "\"files\""),
            "line 1 of the export cannot be taken: names the table files, which is not registered as a tenant's",
        ),
        (
            changed(&export, 1, "[\"name\",\"text\"]", "[\"nick\",\"text\"]"),
            "line 1 of the export cannot be taken: names the column nick of folders as text, which the entity does not have",
        ),
        (
            changed(&export, 1, "[\"name\",\"text\"]", "[\"name\",\"int\"]"),
            "names the column name of folders as int",
        ),
        (
            changed(&export, 3, "\"name\"", "\"nick\""),
            "line 3 of the export cannot be taken: names the column nick of folders",
        ),
        (
            changed(&export, 3, &tenant.to_string(), &TenantId::new().to_string()),
            "line 3 of the export cannot be taken: holds a row of folders of another tenant",
        ),
        (changed(&export, sample, "\"big\":-", "\"big\":0."), "holds no bigint in big of samples"),
        (
            changed(&export, last, "\"sha256\":\"", "\"sha256\":\"0"),
            "says another checksum than that of the lines before it",
        ),
        (changed(&export, last, "\"folders\":20", "\"folders\":21"), "says another checksum"),
        (changed(&export, 5, "folder ", "Folder "), "says another checksum"),
        (export[..last - 1].to_vec(), "is missing: the export is cut off"),
        (
            export[..1].to_vec(),
            "line 2 of the export cannot be taken: is missing: the export is cut off",
        ),
        (Vec::new(), "line 1 of the export cannot be taken: is missing"),
        ([&export[..], &export[1..2]].concat(), "follows the end of the export"),
        (
            [&export[..2], &export[1..]].concat(),
            "line 3 of the export cannot be taken: goes back to folders",
        ),
        ([&export[..last - 2], &export[last - 1..]].concat(), "says another checksum"),
        (
            changed(&export, 4, "}}", "}"),
            "line 4 of the export cannot be taken: is no line of an export",
        ),
    ];
    for (lines, expected) in cases {
        let (told, _) = refused(&site, &lines).await;
        assert!(told.contains(expected), "{told}\n{expected}");
        assert!(!told.contains(&tenant.to_string()), "{told}");
    }
}

async fn a_row_that_the_database_refuses_is_named_and_its_batch_not_kept<DB: Db>(site: Site<DB>) {
    let tenant = TenantId::new();
    samples::some().insert(&site.db, tenant).await;
    let export = exported(&site, tenant).await;
    // The first batch is seven rows, lines 2 to 8; deleted rows may share a name, so which two are
    // alive is looked up.
    let alive: Vec<_> =
        (9..=15).filter(|line| export[line - 1].contains("\"deleted_at\":null")).collect();
    let name = |line: usize| {
        let line = &export[line - 1];
        let from = line.find("\"name\"").unwrap();
        line[from..].split(",\"").next().unwrap().to_owned()
    };
    let twice = changed(&export, alive[1], &name(alive[1]), &name(alive[0]));
    let (told, left) = refused(&site, &twice).await;
    let expected = format!(
        "line {} of the export cannot be taken: was refused: a unique value is taken in folders",
        alive[1]
    );
    // Tried one by one the first of the two goes in, so the second is the one that is named.
    assert!(told.starts_with(&expected), "{told}");
    assert_eq!(left.count(), 7);
}

async fn an_import_goes_on_with_its_own_export_only<DB: Db>(site: Site<DB>) {
    let (tenant, other) = (TenantId::new(), TenantId::new());
    let rows = samples::some();
    rows.insert(&site.db, tenant).await;
    let export = exported(&site, tenant).await;

    let error = site.transfer.import(tenant, lines(&export)).await.unwrap_err();
    assert!(told(&error).contains("goes to a tenant that has rows in folders"), "{error:?}");

    let cut = |at: usize| {
        let error = Err(std::io::Error::other("the network is away"));
        stream::iter(export[..at].to_vec()).map(Ok).chain(stream::iter([error]))
    };
    let error = site.transfer.import(other, cut(40)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry);
    assert!(
        told(&error)
            .ends_with("line 41 of the export cannot be taken: cannot be had: the network is away"),
        "{error:?}"
    );
    let some = Rows::read(&site.db, other).await.count();
    assert!(some > 0 && some < rows.count(), "{some}");

    let error =
        site.transfer.import(other, lines(&changed(&export, 2, "folder ", "Folder "))).await;
    assert!(told(&error.unwrap_err()).contains("belongs to another export"));
    let foreign = exported(&site, TenantId::new()).await;
    let error = site.transfer.import(other, lines(&foreign)).await;
    assert!(told(&error.unwrap_err()).contains("belongs to another export"));

    let imported = site.transfer.import(other, lines(&export)).await.unwrap();
    assert_eq!(imported.rows.values().sum::<u64>(), rows.count() as u64);
    assert_eq!(Rows::read(&site.db, other).await.told(), Rows::read(&site.db, tenant).await.told());
}

async fn an_export_goes_on_only_while_the_tenant_is_still<DB: Db>(site: Site<DB>) {
    let reason = Reason::new("ops", "move");
    let tenant = TenantId::new();
    let change = async |event: &str| {
        let mut tx = site.db.global().await.unwrap();
        match event {
            "create" => {
                let new = NewTenant::new(tenant, format!("t-{}", tenant.uuid().simple()));
                tenants::create(&mut tx, &new, &reason).await.unwrap();
            }
            "suspend" => drop(tenants::suspend(&mut tx, tenant, &reason).await.unwrap()),
            "resume" => drop(tenants::resume(&mut tx, tenant, &reason).await.unwrap()),
            _ => drop(tenants::delete(&mut tx, tenant, Utc::now(), &reason).await.unwrap()),
        }
        tx.commit().await.unwrap();
    };
    samples::some().insert(&site.db, tenant).await;
    change("create").await;
    tenants::provision(&site.db, tenant, &Procedure::new(), &reason).await.unwrap();
    let go_on = async |from: &[String]| -> saas_tenancy::Result<Vec<String>> {
        site.transfer.continue_export(tenant, lines(from)).await?.try_collect().await
    };

    let active = exported(&site, tenant).await;
    change("suspend").await;
    let error = go_on(&active[..10]).await.unwrap_err();
    assert!(told(&error).contains("the tenant was not suspended all the time"), "{error:?}");

    let export = exported(&site, tenant).await;
    for at in 0..=export.len() {
        assert_eq!(go_on(&export[..at]).await.unwrap(), export[at..], "after {at}");
    }
    let error = go_on(&changed(&export, 3, "{", "")[..5]).await.unwrap_err();
    assert!(told(&error).starts_with("line 3 "), "{error:?}");

    change("resume").await;
    change("suspend").await;
    assert!(go_on(&export[..10]).await.is_err());
}

on_each!(
    every_broken_line_is_named,
    a_row_that_the_database_refuses_is_named_and_its_batch_not_kept,
    an_import_goes_on_with_its_own_export_only,
    an_export_goes_on_only_while_the_tenant_is_still,
);

#[tokio::test]
async fn a_column_that_the_entity_does_not_declare_is_no_silent_loss() {
    let site = samples::sqlite().await;
    let tenant = TenantId::new();
    samples::some().insert(&site.db, tenant).await;
    let export = exported(&site, tenant).await;
    let pool = site.db.pool();
    sqlx::query("alter table folders add column colour text").execute(pool).await.unwrap();
    let expected = "the columns of folders are not those of its entity: colour is not declared";
    let error = site.transfer.export(tenant).try_next().await.unwrap_err();
    assert_eq!(told(&error), expected);
    let error = site.transfer.import(TenantId::new(), lines(&export)).await.unwrap_err();
    assert_eq!(told(&error), expected);
}

#[tokio::test]
async fn what_cannot_be_read_or_kept_names_its_column() {
    let (lite, post) = (samples::sqlite().await, samples::postgres().await);
    let mut rows = samples::some();
    rows.samples[3].float = Some(f64::NAN);
    let tenant = TenantId::new();
    rows.insert(&post.db, tenant).await;
    let error = lite.transfer.import(tenant, post.transfer.export(tenant)).await.unwrap_err();
    assert!(told(&error).contains("holds no float that SQLite can keep in float of samples"));

    let mut tx = post.db.tenant(tenant).await.unwrap();
    let forever = "update samples set at = 'infinity' where at is not null";
    sqlx::query(forever).execute(tx.raw()).await.unwrap();
    tx.commit().await.unwrap();
    let export: Result<Vec<_>, _> = post.transfer.export(tenant).try_collect().await;
    let error = told(&export.unwrap_err());
    assert!(error.starts_with("a value in at of samples cannot be read: "), "{error}");
    assert!(error.ends_with("it is infinite, or beyond the years that can be told"), "{error}");

    let tenant = TenantId::new();
    samples::some().insert(&lite.db, tenant).await;
    sqlx::query("update samples set json = '{' where json is not null")
        .execute(lite.db.pool())
        .await
        .unwrap();
    let export: Result<Vec<_>, _> = lite.transfer.export(tenant).try_collect().await;
    assert_eq!(told(&export.unwrap_err()), "a value in json of samples cannot be read: is no JSON");
}

#[tokio::test]
async fn a_row_that_is_still_pointed_to_from_elsewhere_is_not_erased() {
    let site = samples::sqlite().await;
    let tenant = TenantId::new();
    samples::some().insert(&site.db, tenant).await;
    // Somebody forgot to register the samples.
    let registry = Registry::new().register::<Folder>().register::<Link>();
    let transfer = Transfer::<Sqlite>::new(&site.db, &registry).unwrap();
    let error = transfer.erase(tenant).await.unwrap_err();
    assert!(matches!(error, Error::BrokenReference { table: "folders", .. }), "{error:?}");
    let gone = site.transfer.erase(tenant).await.unwrap();
    assert_eq!((gone.rows["samples"], gone.rows["links"], gone.rows["folders"]), (40, 16, 20));
}
