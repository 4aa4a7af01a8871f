//! SQL by hand that ends the transaction, or goes on in another.

use std::mem;
use std::sync::atomic::Ordering;
use std::time::Duration;

use saas_core::TenantId;
use saas_tenancy::{Error, Reason, TenantDb};
use sqlx::Connection;

use super::{ENDINGS, Ending, Single, end, next_is_alone, say, session_is_clean, singles, two};
use crate::fixture::{Customer, registry};
use crate::homes;

/// What is committed by hand is there; nothing that comes after it is, and the commit says so.
async fn is_an_error(sql: &str, kept: u64) {
    for Single { db, opened } in singles().await {
        let (mine, next) = two(&db).await;
        for ending in ENDINGS {
            let mut tx = db.tenant(mine).await.unwrap();
            tx.insert(&Customer::new(mine, &TenantId::new().to_string())).await.unwrap();
            let sql = sql.replace(":next", &next.to_string()).replace(":mine", &mine.to_string());
            say(tx.raw(), &sql).await;
            match ending {
                Ending::Commit => {
                    let error = tx.commit().await.unwrap_err();
                    assert!(matches!(error, Error::Escaped), "{error:?}");
                }
                ending => end(tx, ending).await,
            }
            session_is_clean(&db).await;
            next_is_alone(&db, next).await;
        }
        assert_eq!(db.read(mine).select::<Customer>().count().await.unwrap(), 1 + 3 * kept);
        assert_eq!(opened.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_commit_by_hand_is_an_error() {
    is_an_error("commit", 1).await;
}

#[tokio::test]
async fn a_rollback_by_hand_is_an_error() {
    is_an_error("rollback", 0).await;
}

#[tokio::test]
async fn a_transaction_begun_by_hand_after_that_is_an_error() {
    is_an_error("rollback; begin", 0).await;
    is_an_error("commit and chain", 1).await;
}

#[tokio::test]
async fn a_transaction_begun_by_hand_for_the_same_tenant_is_an_error() {
    let same = "begin; select set_config('app.tenant_id', ':mine', true)";
    is_an_error(&format!("rollback; {same}"), 0).await;
    is_an_error(&format!("commit; {same}"), 1).await;
}

#[tokio::test]
async fn a_transaction_of_no_tenant_that_is_not_the_one_that_was_lent_is_an_error() {
    for Single { db, .. } in singles().await {
        let (_, next) = two(&db).await;
        for sql in ["commit", "rollback; begin", "commit; begin", "commit and chain"] {
            let mut tx = db.global().await.unwrap();
            say(tx.connection(), sql).await;
            let error = tx.commit().await.unwrap_err();
            assert!(matches!(error, Error::Escaped), "{sql}: {error:?}");
            session_is_clean(&db).await;
            next_is_alone(&db, next).await;
        }
        let mut tx = db.global().await.unwrap();
        say(tx.connection(), "begin").await;
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_transaction_begun_by_hand_in_the_same_schema_is_an_error() {
    let pg = saas_testkit::postgres_fresh().await;
    homes::prepared(&pg).await;
    let mine = TenantId::new();
    homes::migrator(&pg).provision(mine).await.unwrap();
    let db = TenantDb::connect_with(pg.app.clone(), registry(), homes::options()).await.unwrap();
    let again = format!(
        "rollback; begin; set local search_path to {}; select set_config('app.tenant_id', '{mine}', true)",
        homes::names().of(mine)
    );
    for (sql, sound) in [("select 1", true), (&again, false)] {
        let mut tx = db.tenant(mine).await.unwrap();
        tx.insert(&Customer::new(mine, &TenantId::new().to_string())).await.unwrap();
        say(tx.raw(), sql).await;
        let ended = tx.commit().await;
        assert_eq!(matches!(ended, Err(Error::Escaped)), !sound, "{ended:?}");
    }
    assert_eq!(db.read(mine).select::<Customer>().count().await.unwrap(), 1);
}

#[tokio::test]
async fn a_transaction_left_to_another_tenant_is_an_error() {
    is_an_error("select set_config('app.tenant_id', ':next', true)", 0).await;
}

#[tokio::test]
async fn an_escape_that_leaves_its_role_leaves_nothing() {
    is_an_error(&format!("commit; set role {}; begin", crate::fixture::ACROSS), 1).await;
}

/// PostgreSQL only warns of it.
#[tokio::test]
async fn a_transaction_begun_by_hand_inside_is_the_same_transaction() {
    for Single { db, .. } in singles().await {
        let (mine, next) = two(&db).await;
        for ending in ENDINGS {
            let mut tx = db.tenant(mine).await.unwrap();
            say(tx.raw(), "begin").await;
            end(tx, ending).await;
            next_is_alone(&db, next).await;
        }
    }
}

#[tokio::test]
async fn a_nested_transaction_that_was_forgotten_is_an_error_and_nothing_of_it_is_kept() {
    for Single { db, .. } in singles().await {
        let (mine, next) = two(&db).await;
        for ending in ENDINGS {
            let mut tx = db.tenant(mine).await.unwrap();
            let mut nested = tx.raw().begin().await.unwrap();
            say(&mut nested, "update customers set email = 'nested@x'").await;
            mem::forget(nested);
            match ending {
                Ending::Commit => {
                    let error = tx.commit().await.unwrap_err();
                    assert!(matches!(error, Error::Escaped), "{error:?}");
                }
                ending => end(tx, ending).await,
            }
            session_is_clean(&db).await;
            next_is_alone(&db, next).await;
            assert_eq!(db.read(mine).select::<Customer>().one().await.unwrap().email, "own@x");
        }
    }
}

/// Of the several moments at which a request is given up.
#[tokio::test]
async fn nothing_is_left_where_sql_by_hand_is_given_up_while_it_runs() {
    for Single { db, .. } in singles().await {
        let (mine, next) = two(&db).await;
        for sql in ["select pg_sleep(0.05)", "select pg_sleep(0.05); select 1 / 0"] {
            let mut tx = db.tenant(mine).await.unwrap();
            say(tx.raw(), "update customers set email = 'lost@x'; set time zone 'Asia/Tokyo'")
                .await;
            let given_up = say(tx.raw(), sql);
            tokio::time::timeout(Duration::from_millis(10), given_up).await.unwrap_err();
            drop(tx);
            session_is_clean(&db).await;
            next_is_alone(&db, next).await;
            assert_eq!(db.read(mine).select::<Customer>().one().await.unwrap().email, "own@x");
        }
    }
}

#[tokio::test]
async fn a_statement_by_hand_that_failed_is_no_commit_whatever_came_after_it() {
    for Single { db, .. } in singles().await {
        let (mine, next) = two(&db).await;
        let mut tx = db.tenant(mine).await.unwrap();
        sqlx::raw_sql("select 1 / 0").execute(tx.raw()).await.unwrap_err();
        let error = tx.commit().await.unwrap_err();
        assert!(matches!(error, Error::Aborted), "{error:?}");
        next_is_alone(&db, next).await;
    }
}

/// What is not committed, the usual way out of a function that failed, costs no connection.
#[tokio::test]
async fn a_transaction_dropped_after_an_error_keeps_its_connection() {
    for Single { db, opened } in singles().await {
        let (mine, next) = two(&db).await;
        for _ in 0..20 {
            let mut tx = db.tenant(mine).await.unwrap();
            say(tx.raw(), "update customers set email = 'lost@x'").await;
            sqlx::raw_sql("select 1 / 0").execute(tx.raw()).await.unwrap_err();
        }
        next_is_alone(&db, next).await;
        assert_eq!(opened.load(Ordering::SeqCst), 1);
        assert_eq!(db.read(mine).select::<Customer>().one().await.unwrap().email, "own@x");
    }
}

#[tokio::test]
async fn a_crossing_that_sql_by_hand_ends_is_an_error_and_leaves_nothing() {
    for Single { db, .. } in singles().await {
        let (_, next) = two(&db).await;
        for sql in ["commit", "commit; begin", "set role saas_across"] {
            let mut all = db.across_tenants(Reason::new("who", "why")).await.unwrap();
            say(all.connection(), sql).await;
            let ended = all.commit().await;
            assert_eq!(
                matches!(ended, Err(Error::Escaped)),
                sql.starts_with("commit"),
                "{ended:?}"
            );
            session_is_clean(&db).await;
            next_is_alone(&db, next).await;
        }
    }
}
