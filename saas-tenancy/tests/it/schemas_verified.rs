//! Every tenant's schema is verified in full, and what is wrong in one is told with its name.

use saas_core::TenantId;
use saas_tenancy::{Finding, TenantDb, wall};
use saas_testkit as testkit;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, Postgres};

use crate::fixture::registry;
use crate::homes;
use crate::walled::run;

/// A database with this many schemas, and a superuser's connection to it.
async fn schemas(count: usize) -> (testkit::Postgres, PgConnection, Vec<String>) {
    let pg = testkit::postgres_fresh().await;
    homes::prepared(&pg).await;
    let mut names = Vec::new();
    for _ in 0..count {
        let tenant = TenantId::new();
        homes::migrator(&pg).provision(tenant).await.unwrap();
        names.push(homes::names().of(tenant));
    }
    let superuser = testkit::required("TEST_POSTGRES_SUPERUSER_URL", "postgres");
    let superuser: PgConnectOptions = superuser.parse().unwrap();
    let database = pg.app_options.get_database().unwrap();
    let conn = PgConnection::connect_with(&superuser.database(database)).await.unwrap();
    (pg, conn, names)
}

/// What the application finds after a change that does not last.
async fn found(conn: &mut PgConnection, role: &str, change: &str) -> Vec<Finding> {
    let mut tx = conn.begin().await.unwrap();
    run(&mut tx, change).await;
    run(&mut tx, &format!("set local session authorization \"{role}\"")).await;
    let options = homes::options();
    let found = wall::check::<Postgres>(&mut tx, &registry(), &options).await.unwrap();
    tx.rollback().await.unwrap();
    found
}

/// What breaks one schema, and which object of it is told; `:s` is the schema, `:app` the role.
const CASES: &[(&str, &str)] = &[
    ("alter table :s.notes disable row level security", "table :s.notes has no row-level security"),
    ("drop policy tenant_isolation on :s.tasks", "table :s.tasks has no policy"),
    (
        "create policy open on :s.notes using (true)",
        "policy open on table :s.notes lets every row through",
    ),
    (
        "alter policy tenant_isolation on :s.customers using (tenant_id is not null)",
        "policy tenant_isolation on table :s.customers does not hold every row",
    ),
    ("grant truncate on :s.notes to \":app\"", "table :s.notes may be truncated"),
    (
        "create view :s.seen as select * from :s.customers; grant select on :s.seen to \":app\"",
        "view :s.seen of :s.customers reads with its owner's rights",
    ),
    (
        "create function :s.counted() returns bigint language sql security definer
             set search_path = :s as 'select count(*) from customers'",
        "function :s.counted()",
    ),
    ("create unique index mail on :s.customers (email)", "key :s.mail on table :s.customers"),
    (
        "alter table :s.customers drop constraint customers_pkey cascade,
             add constraint customers_pkey primary key (id)",
        "key customers_pkey on table :s.customers is a primary key without tenant_id",
    ),
    (
        "create unique index ids on :s.customers (id);
         alter table :s.notes add constraint loose foreign key (customer_id) references :s.customers (id)",
        "foreign key loose on table :s.notes leaves the tenant out",
    ),
    (
        "create table :s.part () inherits (:s.notes); grant select on :s.part to \":app\"",
        "table :s.part is part of a tenant's table",
    ),
];

#[tokio::test]
async fn a_fault_is_found_in_whichever_schema_it_is() {
    let (pg, mut conn, names) = schemas(3).await;
    assert_eq!(found(&mut conn, &pg.app_role, "select 1").await, []);
    for (change, says) in CASES {
        for name in &names {
            let of = |text: &str| text.replace(":s", name).replace(":app", &pg.app_role);
            let told = found(&mut conn, &pg.app_role, &of(change)).await;
            let told: Vec<_> = told.iter().map(ToString::to_string).collect();
            assert!(told.iter().any(|text| text.starts_with(&of(says))), "{says}\n{told:#?}");
            // A function's text names tables that every schema has.
            let objects = || told.iter().filter_map(|text| text.split(", which mentions").next());
            for other in names.iter().filter(|other| *other != name) {
                assert!(!objects().any(|text| text.contains(other)), "{says}\n{told:#?}");
            }
        }
    }
}

#[tokio::test]
async fn connecting_refuses_it_and_a_schema_that_is_behind_is_no_fault() {
    let (pg, mut conn, names) = schemas(3).await;
    let connect =
        async || TenantDb::connect_with(pg.app.clone(), registry(), homes::options()).await;
    run(&mut conn, &format!("drop table {}.tasks", names[2])).await;
    connect().await.unwrap();
    run(&mut conn, &format!("create policy open on {}.notes using (true)", names[0])).await;
    let error = connect().await.unwrap_err().to_string();
    let says = format!("- policy open on table {}.notes lets every row through", names[0]);
    assert!(error.contains(&says), "{error}");
    // What no schema has is missing.
    let drops: Vec<_> =
        names.iter().map(|name| format!("drop table if exists {name}.tasks")).collect();
    let told = found(&mut conn, &pg.app_role, &drops.join(";")).await;
    assert!(
        told.iter().any(|finding| finding.to_string().starts_with("table tasks does not exist"))
    );
}

#[tokio::test]
async fn a_view_in_place_of_a_table_has_no_wall() {
    let (pg, mut conn, names) = schemas(2).await;
    let change = format!(
        "drop table {one}.tasks; create view {one}.tasks as select * from {two}.tasks;
         grant select on {one}.tasks to \"{role}\"",
        one = names[0],
        two = names[1],
        role = pg.app_role
    );
    let told = found(&mut conn, &pg.app_role, &change).await;
    let says = format!("table {}.tasks has no row-level security", names[0]);
    assert!(told.iter().any(|finding| finding.to_string().starts_with(&says)), "{told:#?}");
}

#[tokio::test]
async fn one_fault_in_many_schemas_is_told_of_a_few_and_counted() {
    let (pg, mut conn, names) = schemas(8).await;
    let open = |name| format!("create policy open on {name}.notes using (true)");
    let everywhere: Vec<_> = names.iter().map(open).collect();
    let told = found(&mut conn, &pg.app_role, &everywhere.join(";")).await;
    let told: Vec<_> = told.iter().map(ToString::to_string).collect();
    let policies: Vec<_> = told.iter().filter(|text| text.starts_with("policy open")).collect();
    assert_eq!(policies.len(), 6, "{told:#?}");
    assert_eq!(
        policies[5],
        "policy open on table notes in 3 more schemas of tenants lets every row through: as in \
         those named before"
    );
}
