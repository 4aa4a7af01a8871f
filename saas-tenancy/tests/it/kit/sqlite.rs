//! Leaks planted in SQLite files.

use std::collections::BTreeSet;

use saas_core::TenantOwned;
use saas_core::schema::{self, Dialect};
use saas_tenancy::testing::Attempt;
use saas_tenancy::{Options, TenantDb, wall};
use saas_testkit as testkit;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, SqlitePool};

use super::{kit, leaks, on};
use crate::fixture::{self, Task};

struct Case {
    planted: String,
    leaks: BTreeSet<(&'static str, Attempt)>,
}

fn case(planted: impl Into<String>, table: &'static str, attempts: &'static [Attempt]) -> Case {
    Case { planted: planted.into(), leaks: on(&[table], attempts) }
}

/// The table of `E` made anew with its guards, its keys changed in one place.
fn made_anew<E: TenantOwned>(from: &str, to: &str) -> String {
    let table = schema::table::<E>(Dialect::Sqlite);
    assert!(table.contains(from), "{from} in {table}");
    format!("drop table {}; {} {}", E::TABLE, table.replace(from, to), wall::sqlite::<E>())
}

fn cases() -> Vec<Case> {
    let key = r#"foreign key ("tenant_id", "note_id") references "notes" ("tenant_id", "id")"#;
    let unchecked = made_anew::<Task>(&format!(",\n    {key}"), "");
    let alone = made_anew::<Task>(key, r#"foreign key ("note_id") references "notes" ("id")"#);
    let by_id = made_anew::<Task>(r#"primary key ("tenant_id", "id")"#, r#"primary key ("id")"#);
    vec![
        case(unchecked, "tasks", &[Attempt::Reference]),
        Case {
            planted: format!("create unique index alone on notes (id); {alone}"),
            leaks: &on(&["tasks"], &[Attempt::Reference])
                | &on(&["notes"], &[Attempt::InsertId, Attempt::UpsertById]),
        },
        case(by_id, "tasks", &[Attempt::InsertId]),
        case("drop trigger notes_tenant_update", "notes", &[Attempt::RawGive, Attempt::RawTake]),
        case("drop trigger customers_tenant_insert", "customers", &[Attempt::RawInsertNobodys]),
        case(
            "create unique index told on customers (email)",
            "customers",
            &[Attempt::InsertValues, Attempt::UpsertByValues],
        ),
        case(
            "create unique index told on notes (body) where deleted_at is null",
            "notes",
            &[Attempt::InsertValues],
        ),
    ]
}

#[tokio::test]
async fn each_leak_planted_in_a_file_is_named_and_no_other() {
    for Case { planted, leaks: expected } in cases() {
        let fixture = fixture::sqlite().await;
        let pool = fixture.db.pool();
        sqlx::raw_sql(AssertSqlSafe(planted.clone())).execute(pool).await.unwrap();
        let report = kit(fixture.db.clone()).run().await.unwrap();
        assert_eq!(leaks(&report), expected, "{planted}\n{report}");
    }
}

#[tokio::test]
async fn a_connection_that_does_not_check_foreign_keys_is_found() {
    let fixture = fixture::sqlite().await;
    let folder = testkit::sqlite().await;
    let copy = folder.path.with_file_name("copy.db");
    sqlx::query("vacuum into ?").bind(copy.to_str()).execute(fixture.db.pool()).await.unwrap();
    let options = SqliteConnectOptions::new().filename(copy).foreign_keys(false);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let db = TenantDb::connect_unverified(pool, Options::new());
    let report = kit(db).run().await.unwrap();
    assert_eq!(leaks(&report), on(&["notes", "tasks"], &[Attempt::Reference]), "{report}");
}
