//! Each refusal on SQLite, against a file broken in exactly that way.

use saas_tenancy::{Options, Remedy, TenantDb, wall};
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
async fn a_connection_that_does_not_check_foreign_keys_is_refused() {
    let file = testkit::sqlite().await;
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(&file.path).foreign_keys(false);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let error = TenantDb::connect(pool, registry()).await.unwrap_err().to_string();
    assert!(error.contains("connection does not check foreign keys"), "{error}");
    assert!(error.contains("foreign_keys(true)"), "{error}");
}
