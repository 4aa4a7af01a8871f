//! The same on SQLite, where the connection is closed if anything is left.

use std::mem;

use saas_core::TenantId;
use saas_tenancy::{Error, TenantDb};
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{AssertSqlSafe, Connection, Sqlite, SqliteConnection};

use super::{ENDINGS, Ending, end, next_is_alone, two};
use crate::fixture::{self, Customer, Fixture};

/// One connection to the fixture's file.
async fn single() -> (TenantDb<Sqlite>, Fixture<Sqlite>) {
    let fixture = fixture::sqlite().await;
    let options = (*fixture.db.pool().connect_options()).clone();
    let one = SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options);
    (TenantDb::connect(one, fixture::registry()).await.unwrap(), fixture)
}

async fn say(conn: &mut SqliteConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(conn).await.unwrap();
}

/// Has a tenant say `sql` by hand, for each ending; whether it can be committed is `sound`.
async fn next_is_alone_after(sql: &str, sound: bool) {
    let (db, _fixture) = single().await;
    let (mine, next) = two(&db).await;
    for ending in ENDINGS {
        let mut tx = db.tenant(mine).await.unwrap();
        say(tx.raw_unenforced(), sql).await;
        match ending {
            Ending::Commit if !sound => {
                let error = tx.commit().await.unwrap_err();
                assert!(matches!(error, Error::Escaped), "{error:?}");
            }
            ending => end(tx, ending).await,
        }
        next_is_alone(&db, next).await;
        let fixed: bool = sqlx::query_scalar("select foreign_keys = 1 from pragma_foreign_keys")
            .fetch_one(db.pool())
            .await
            .unwrap();
        assert!(fixed, "foreign keys");
    }
}

#[tokio::test]
async fn a_temporary_table_does_not_stand_in_front_of_the_next_tenants() {
    let copy = "create temporary table customers as select * from customers";
    next_is_alone_after(copy, true).await;
    next_is_alone_after("create temporary view customers as select * from main.customers", true)
        .await;
}

#[tokio::test]
async fn a_connection_that_was_made_read_only_writes_again() {
    next_is_alone_after("pragma query_only = on", true).await;
}

#[tokio::test]
async fn a_commit_or_rollback_by_hand_is_an_error_and_breaks_no_other_transaction() {
    next_is_alone_after("commit", false).await;
    next_is_alone_after("rollback", false).await;
}

#[tokio::test]
async fn foreign_keys_that_were_turned_off_by_hand_are_on_again() {
    next_is_alone_after("commit; pragma foreign_keys = off; begin", true).await;
}

/// Which of these a connection has.
const CHANGED: &str = "
    select 'attached' from pragma_database_list where name = 'other'
    union all select 'checks' from pragma_ignore_check_constraints where ignore_check_constraints
    union all select 'triggers' from pragma_recursive_triggers where recursive_triggers
    union all select 'schema' from pragma_writable_schema where writable_schema
    union all select 'uncommitted' from pragma_read_uncommitted where read_uncommitted
    union all select 'like' where not 'a' like 'A'";

async fn changed(conn: &mut SqliteConnection) -> Vec<String> {
    sqlx::query_scalar(CHANGED).fetch_all(conn).await.unwrap()
}

#[tokio::test]
async fn what_was_attached_or_switched_by_hand_is_not_the_next_tenants() {
    for (sql, name) in [
        ("attach ':memory:' as other", "attached"),
        ("pragma ignore_check_constraints = on", "checks"),
        ("pragma recursive_triggers = on", "triggers"),
        ("pragma writable_schema = on", "schema"),
        ("pragma read_uncommitted = on", "uncommitted"),
        ("pragma case_sensitive_like = on", "like"),
    ] {
        let (db, _fixture) = single().await;
        let (mine, next) = two(&db).await;
        for ending in ENDINGS {
            let mut tx = db.tenant(mine).await.unwrap();
            say(tx.raw_unenforced(), sql).await;
            assert_eq!(changed(tx.raw_unenforced()).await, [name]);
            end(tx, ending).await;
            let left = changed(&mut db.pool().acquire().await.unwrap()).await;
            assert!(left.is_empty(), "{left:?} after {ending:?}");
            next_is_alone(&db, next).await;
        }
    }
}

#[tokio::test]
async fn what_hooks_have_attached_or_switched_costs_no_connection() {
    let fixture = fixture::sqlite().await;
    let hooked = SqlitePoolOptions::new().max_connections(1).after_connect(|conn, _| {
        Box::pin(async move {
            say(conn, "attach ':memory:' as other; pragma recursive_triggers = on").await;
            Ok(())
        })
    });
    let pool = hooked.connect_lazy_with((*fixture.db.pool().connect_options()).clone());
    let db = TenantDb::connect(pool, fixture::registry()).await.unwrap();
    for (sql, kept) in [("select 1", true), ("pragma recursive_triggers = off", false)] {
        say(&mut db.pool().acquire().await.unwrap(), "pragma cache_size = 77").await;
        let mut tx = db.tenant(TenantId::new()).await.unwrap();
        say(tx.raw_unenforced(), sql).await;
        tx.commit().await.unwrap();
        let left = changed(&mut db.pool().acquire().await.unwrap()).await;
        assert_eq!(left, ["attached", "triggers"]);
        assert_eq!(cache(&db).await == 77, kept, "{sql}");
    }
}

async fn cache(db: &TenantDb<Sqlite>) -> i64 {
    let size = sqlx::query_scalar("select cache_size from pragma_cache_size");
    size.fetch_one(db.pool()).await.unwrap()
}

#[tokio::test]
async fn a_nested_transaction_that_was_forgotten_on_sqlite_is_an_error_and_nothing_is_kept() {
    let (db, _fixture) = single().await;
    let (mine, next) = two(&db).await;
    for ending in ENDINGS {
        let mut tx = db.tenant(mine).await.unwrap();
        let mut nested = tx.raw_unenforced().begin().await.unwrap();
        say(&mut nested, "update customers set email = 'nested@x'").await;
        mem::forget(nested);
        match ending {
            Ending::Commit => {
                let error = tx.commit().await.unwrap_err();
                assert!(matches!(error, Error::Escaped), "{error:?}");
            }
            ending => end(tx, ending).await,
        }
        next_is_alone(&db, next).await;
        assert_eq!(db.read(mine).select::<Customer>().one().await.unwrap().email, "own@x");
    }
}

#[tokio::test]
async fn a_sound_transaction_with_sql_by_hand_keeps_its_connection() {
    let (db, _fixture) = single().await;
    say(&mut db.pool().acquire().await.unwrap(), "pragma cache_size = 77").await;
    for ending in [Ending::Commit, Ending::Rollback] {
        let mut tx = db.tenant(TenantId::new()).await.unwrap();
        say(tx.raw_unenforced(), "select 1").await;
        end(tx, ending).await;
        assert_eq!(cache(&db).await, 77);
    }
}
