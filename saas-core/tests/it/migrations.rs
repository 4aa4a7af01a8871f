//! Each crate migrates itself, beside the application's own migrations.

use saas_core::sql::{Backend, Migrations};
use saas_testkit as testkit;
use sqlx::migrate::MigrateError;
use sqlx::{Postgres, Sqlite};

const FIRST: &[(&str, &str)] = &[("first", "create table first_of_all (id int)")];
const BOTH: &[(&str, &str)] = &[
    ("first", "create table first_of_all (id int)"),
    ("second", "create table second_to_none (id int); insert into second_to_none values (1)"),
];
const EDITED: &[(&str, &str)] = &[("first", "create table first_of_all (id bigint)")];
const BROKEN: &[(&str, &str)] = &[
    ("first", "create table first_of_all (id int)"),
    ("second", "create table half (id int); nonsense"),
];

async fn steps_run_once_and_in_order<DB: Backend>(conn: &mut DB::Connection) {
    Migrations::new("sample", FIRST).run::<DB>(conn).await.unwrap();
    Migrations::new("sample", BOTH).run::<DB>(conn).await.unwrap();
    Migrations::new("sample", BOTH).run::<DB>(conn).await.unwrap();
    let edited = Migrations::new("sample", EDITED).run::<DB>(conn).await;
    assert!(matches!(edited, Err(MigrateError::VersionMismatch(1))), "{edited:?}");
}

async fn a_step_that_fails_leaves_nothing<DB: Backend>(conn: &mut DB::Connection) {
    Migrations::new("broken", BROKEN).run::<DB>(conn).await.unwrap_err();
    // Were anything of it left, the table would be in the way.
    Migrations::new("broken", FIRST).run::<DB>(conn).await.unwrap();
}

#[tokio::test]
async fn sqlite_migrates() {
    let file = testkit::sqlite().await;
    let mut conn = file.pool.acquire().await.unwrap();
    steps_run_once_and_in_order::<Sqlite>(&mut conn).await;
    let file = testkit::sqlite().await;
    a_step_that_fails_leaves_nothing::<Sqlite>(&mut *file.pool.acquire().await.unwrap()).await;
}

#[tokio::test]
async fn postgres_migrates_in_a_schema_of_its_own() {
    let pg = testkit::postgres_fresh().await;
    let mut conn = pg.owner.acquire().await.unwrap();
    steps_run_once_and_in_order::<Postgres>(&mut conn).await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select schemaname || '.' || tablename from pg_tables where tablename like '%migrations'",
    )
    .fetch_all(&mut *conn)
    .await
    .unwrap();
    assert_eq!(tables, ["saas.sample_migrations"]);
    let pg = testkit::postgres_fresh().await;
    a_step_that_fails_leaves_nothing::<Postgres>(&mut *pg.owner.acquire().await.unwrap()).await;
}

#[tokio::test]
async fn processes_that_start_together_take_turns() {
    let pg = testkit::postgres_fresh().await;
    let starts = (0..4).map(|_| {
        let owner = pg.owner.clone();
        tokio::spawn(async move {
            let mut conn = owner.acquire().await.unwrap();
            Migrations::new("sample", BOTH).run::<Postgres>(&mut conn).await.unwrap();
        })
    });
    for start in starts.collect::<Vec<_>>() {
        start.await.unwrap();
    }
    let rows: i64 = sqlx::query_scalar("select count(*) from second_to_none")
        .fetch_one(&pg.owner)
        .await
        .unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn a_role_with_an_odd_name_is_quoted() {
    let pg = testkit::postgres_fresh().await;
    let mut conn = pg.owner.acquire().await.unwrap();
    let statements = ["grant connect on database postgres to :role"];
    let odd = "nobody\"; drop table x; --";
    let error = saas_core::sql::grant(&mut conn, odd, &statements).await.unwrap_err().to_string();
    assert!(error.contains("does not exist"), "{error}");
}
