//! Each refusal on SQLite, against a file broken in exactly that way.

use saas_core::{Entity, Id};
use saas_tenancy::{Options, Registry, Remedy, TenantDb, wall};
use saas_testkit as testkit;
use sqlx::{AssertSqlSafe, Sqlite, SqlitePool};

use crate::fixture::{self, registry};

/// What breaks it, what the finding says, and whether its remedy is SQL.
const CASES: &[(&str, [&str; 2], bool)] = &[
    ("drop table notes", ["table \"notes\" does not exist", "run the migrations"], false),
    (
        "drop table notes; create table notes (id blob primary key, body text)",
        ["table \"notes\" has no column tenant_id", "saas_core::schema::table"],
        false,
    ),
    (
        "drop table notes; create table notes (tenant_id blob, id blob, primary key (tenant_id, id))",
        ["table \"notes\" lets tenant_id be null", "saas_core::schema::table"],
        false,
    ),
    (
        "drop table notes; create table notes (id blob primary key, tenant_id blob not null)",
        ["table \"notes\" has a primary key without tenant_id", "saas_core::schema::table"],
        false,
    ),
    (
        "drop table notes; create table notes (tenant_id blob not null, id blob not null, primary key (id, tenant_id))",
        ["table \"notes\" has no index that begins with tenant_id", "create index"],
        true,
    ),
    (
        "drop table notes; create table notes (tenant_id blob not null, id blob not null, customer_id blob not null
            references customers (id), primary key (tenant_id, id))",
        ["foreign key (customer_id) on table \"notes\" leaves the tenant out", "saas_core::schema::table"],
        false,
    ),
    (
        "create table log (customer_id blob references customers)",
        ["foreign key (customer_id) on table \"log\" points to", "register it"],
        false,
    ),
    (
        "create unique index mail on customers (email)",
        ["key \"mail\" on table \"customers\"", "(tenant_id, \"email\")"],
        true,
    ),
    (
        "create unique index mail on customers (lower(email)) where deleted_at is null",
        ["key \"mail\" on table \"customers\"", "tenant_id as its first column"],
        false,
    ),
    (
        "drop trigger notes_tenant_insert",
        ["trigger \"notes_tenant_insert\" on table \"notes\"", "create trigger"],
        true,
    ),
    (
        "drop trigger notes_tenant_update;
         create trigger notes_tenant_update before update of tenant_id on notes when new.tenant_id is old.tenant_id
         begin select 1; end",
        ["trigger \"notes_tenant_update\" on table \"notes\"", "create trigger"],
        true,
    ),
    // This crate's own.
    (
        "drop trigger saas_audit_delete",
        ["trigger \"saas_audit_delete\" is missing", "create trigger"],
        true,
    ),
    (
        "drop trigger saas_audit_update;
         create trigger saas_audit_update before update on saas_audit begin select 1; end",
        ["trigger \"saas_audit_update\" is another", "drop trigger"],
        true,
    ),
    (
        "drop trigger saas_settings_tenant_update",
        ["trigger \"saas_settings_tenant_update\" is missing", "create trigger"],
        true,
    ),
    (
        "create trigger silence before insert on saas_audit begin select raise(ignore); end",
        ["trigger \"silence\" on table \"saas_audit\"", "drop trigger \"silence\""],
        true,
    ),
    (
        "drop index saas_audit_nobodys_key",
        ["index \"saas_audit_nobodys_key\" is missing", "create unique index"],
        true,
    ),
    (
        "drop table saas_settings",
        ["table \"saas_settings\" is missing", "create table if not exists saas_settings"],
        true,
    ),
    (
        "drop table saas_transfers; create table saas_transfers (tenant_id blob, kind text, header text, lines integer,
            checksum text, counts text, done integer, at text)",
        ["table \"saas_transfers\" is another", "make it again, with its rows"],
        false,
    ),
    (
        "drop table saas_audit; create view saas_audit as select 1 as id",
        ["table \"saas_audit\" is another", "make it again"],
        false,
    ),
];

async fn run(pool: &SqlitePool, sql: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await;
    done.unwrap_or_else(|error| panic!("{error}\n{sql}"));
}

async fn findings(pool: &SqlitePool) -> Vec<saas_tenancy::Finding> {
    let mut conn = pool.acquire().await.unwrap();
    wall::check::<Sqlite>(&mut conn, &registry(), &Options::new()).await.unwrap()
}

#[tokio::test]
async fn each_refusal_names_object_and_remedy_and_the_remedy_mends_it() {
    for (broken, says, by_sql) in CASES {
        let fixture = fixture::sqlite().await;
        let pool = fixture.db.pool();
        assert_eq!(findings(pool).await, []);
        // Several cases take a table away that others point to.
        run(pool, &format!("pragma foreign_keys = off; {broken}; pragma foreign_keys = on")).await;
        let found = findings(pool).await;
        let said: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert!(
            said.iter().any(|text| says.iter().all(|word| text.contains(word))),
            "{broken}\n{says:?}\n{said:#?}"
        );
        let remedies = found.iter().filter_map(|finding| match &finding.remedy {
            Remedy::Sql(sql) => Some(sql.as_str()),
            _ => None,
        });
        run(pool, &remedies.collect::<Vec<_>>().join(";\n")).await;
        assert_eq!(findings(pool).await.is_empty(), *by_sql, "{broken}");
        assert_eq!(TenantDb::connect(pool.clone(), registry()).await.is_ok(), *by_sql);
    }
}

#[tokio::test]
async fn a_file_without_this_crates_tables_is_refused_in_one_line() {
    let file = testkit::sqlite().await;
    let error = TenantDb::connect(file.pool, Registry::new()).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "the database does not isolate tenants:\n- this crate's own tables do not exist: run \
         `saas_tenancy::migrate`"
    );
}

#[derive(Entity)]
#[entity(table = "billing.invoices", tenant)]
struct Invoice {
    id: Id<Invoice>,
}

#[tokio::test]
async fn a_tenants_table_that_names_its_schema_is_refused() {
    let fixture = fixture::sqlite().await;
    let registry = registry().register::<Invoice>();
    let error = TenantDb::connect(fixture.db.pool().clone(), registry).await.unwrap_err();
    let says = "table \"billing\".\"invoices\" names its schema, and SQLite has none: write ";
    assert!(error.to_string().contains(says), "{error}");
}

#[tokio::test]
async fn a_connection_that_does_not_check_foreign_keys_is_refused() {
    let file = testkit::sqlite().await;
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(&file.path).foreign_keys(false);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let error = TenantDb::connect(pool, registry()).await.unwrap_err().to_string();
    assert!(error.contains("connection does not check foreign keys"), "{error}");
    assert!(error.contains("foreign_keys(true)"), "{error}");
}
