//! What the database's errors are told as: a missing right is not the wall's refusal, and a table that
//! changed under prepared statements is met once and not for ever.

use std::error::Error as _;

use futures_util::TryStreamExt;
use saas_core::{Problem, TenantId};
use saas_tenancy::{Error, ErrorKind, Options, TenantDb, TenantTx};
use saas_testkit as testkit;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool, Postgres};

use crate::fixture::{self, Customer, Note, registry};
use crate::homes;

/// A database of the test's own, over one connection, so that whoever comes next gets the same.
async fn alone() -> (TenantDb<Postgres>, testkit::Postgres) {
    let pg = testkit::postgres_fresh().await;
    fixture::prepared(&pg).await;
    let pool = one_connection(&pg);
    (TenantDb::connect_with(pool, registry(), Options::new()).await.unwrap(), pg)
}

fn one_connection(pg: &testkit::Postgres) -> PgPool {
    PgPoolOptions::new().max_connections(1).connect_lazy_with(pg.app_options.clone())
}

async fn filled(db: &TenantDb<Postgres>, tenant: TenantId, email: &str) -> Customer {
    let mut tx = db.tenant(tenant).await.unwrap();
    let customer = Customer::new(tenant, email);
    tx.insert(&customer).await.unwrap();
    tx.commit().await.unwrap();
    customer
}

#[tokio::test]
async fn a_missing_right_is_a_fault_that_says_what_to_grant_and_not_the_walls_refusal() {
    let (db, pg) = alone().await;
    let tenant = TenantId::new();
    let customer = filled(&db, tenant, "a@x").await;
    pg.set_up(&format!("revoke insert on notes from \"{}\"", pg.app_role)).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let error = tx.insert(&Note::on(customer.id, "x")).await.unwrap_err();
    assert!(matches!(error, Error::NotGranted(_)), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Fault);
    assert!(error.to_string().contains("wall::script"), "{error}");
    let source = error.source().unwrap().to_string();
    assert!(source.contains("permission denied for table notes"), "{source}");
    assert_eq!(Problem::from(error).status(), 500);
    drop(tx);

    let mut tx = db.tenant(tenant).await.unwrap();
    let foreign = "update customers set tenant_id = gen_random_uuid()";
    let error = Error::from(sqlx::query(foreign).execute(tx.raw()).await.unwrap_err());
    assert!(matches!(error, Error::WallRefused(_)), "{error:?}");
    drop(tx);

    let unfiltered = "set row_security = off; select count(*) from customers; reset row_security";
    let error = Error::from(sqlx::raw_sql(unfiltered).execute(&pg.app).await.unwrap_err());
    assert!(matches!(error, Error::WallRefused(_)), "{error:?}");
}

async fn process(tx: &mut TenantTx<Postgres>) -> i32 {
    sqlx::query_scalar("select pg_backend_pid()").fetch_one(tx.raw()).await.unwrap()
}

async fn widened(pg: &testkit::Postgres, table: &str, to: &str) {
    pg.set_up(&format!("alter table {table} alter column email type {to}")).await;
}

#[tokio::test]
async fn a_table_that_changed_under_a_transactions_statement_is_met_once() {
    let (db, pg) = alone().await;
    let tenant = TenantId::new();
    let customer = filled(&db, tenant, "a@x").await;
    let read = async |tx: &mut TenantTx<Postgres>| tx.select::<Customer>().all(tx).await;
    let streamed = async |tx: &mut TenantTx<Postgres>| {
        tx.select::<Customer>().stream(tx).try_collect::<Vec<_>>().await
    };
    let mut tx = db.tenant(tenant).await.unwrap();
    read(&mut tx).await.unwrap();
    streamed(&mut tx).await.unwrap();
    let mut before = process(&mut tx).await;
    tx.commit().await.unwrap();
    for (to, all) in [("varchar(200)", true), ("text", false)] {
        widened(&pg, "customers", to).await;
        let mut tx = db.tenant(tenant).await.unwrap();
        let found = if all { read(&mut tx).await } else { streamed(&mut tx).await };
        let error = found.unwrap_err();
        assert!(matches!(error, Error::Outdated(_)), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Retry);
        assert!(matches!(tx.commit().await, Err(Error::Aborted)));

        let mut tx = db.tenant(tenant).await.unwrap();
        let after = process(&mut tx).await;
        assert_ne!(after, std::mem::replace(&mut before, after), "another connection");
        assert_eq!(read(&mut tx).await.unwrap(), std::slice::from_ref(&customer));
        assert_eq!(streamed(&mut tx).await.unwrap(), std::slice::from_ref(&customer));
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_single_read_goes_through_a_table_that_changed() {
    let (db, pg) = alone().await;
    let tenant = TenantId::new();
    let customer = filled(&db, tenant, "a@x").await;
    for to in ["varchar(200)", "text"] {
        assert_eq!(
            db.read(tenant).select::<Customer>().all().await.unwrap(),
            std::slice::from_ref(&customer)
        );
        widened(&pg, "customers", to).await;
    }
    assert_eq!(db.read(tenant).select::<Customer>().one().await.unwrap(), customer);
}

#[tokio::test]
async fn statements_that_sql_by_hand_discarded_are_missed_once() {
    let (db, _pg) = alone().await;
    let tenant = TenantId::new();
    let customer = filled(&db, tenant, "a@x").await;
    let discard = async || {
        let mut tx = db.tenant(tenant).await.unwrap();
        tx.select::<Customer>().all(&mut tx).await.unwrap();
        sqlx::raw_sql("deallocate all").execute(tx.raw()).await.unwrap();
        tx.commit().await.unwrap();
    };
    discard().await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let error = tx.select::<Customer>().all(&mut tx).await.unwrap_err();
    assert!(matches!(error, Error::Outdated(_)), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Retry);
    drop(tx);
    let mut tx = db.tenant(tenant).await.unwrap();
    assert_eq!(tx.select::<Customer>().one(&mut tx).await.unwrap(), customer);
    tx.commit().await.unwrap();

    assert_eq!(db.read(tenant).select::<Customer>().one().await.unwrap(), customer);
    discard().await;
    assert_eq!(db.read(tenant).select::<Customer>().one().await.unwrap(), customer);
}

#[tokio::test]
async fn schemas_whose_columns_differ_in_type_are_read_in_turns() {
    let pg = testkit::postgres_fresh().await;
    homes::prepared(&pg).await;
    let tenants = [TenantId::new(), TenantId::new()];
    for tenant in tenants {
        homes::migrator(&pg).provision(tenant).await.unwrap();
    }
    let db = TenantDb::connect_with(one_connection(&pg), registry(), homes::options());
    let db = db.await.unwrap();
    let own = [filled(&db, tenants[0], "a@x").await, filled(&db, tenants[1], "b@x").await];
    widened(&pg, &format!("{}.customers", homes::names().of(tenants[1])), "varchar(200)").await;
    for _ in 0..3 {
        for (tenant, own) in tenants.into_iter().zip(&own) {
            assert_eq!(db.read(tenant).select::<Customer>().one().await.unwrap(), *own);
        }
    }
    let mut refused = 0;
    for (tenant, own) in tenants.into_iter().zip(&own).cycle().take(6) {
        loop {
            let mut tx = db.tenant(tenant).await.unwrap();
            match tx.select::<Customer>().all(&mut tx).await {
                Ok(found) => break assert_eq!(found, std::slice::from_ref(own)),
                Err(error) => assert!(matches!(error, Error::Outdated(_)), "{error:?}"),
            }
            refused += 1;
        }
    }
    assert!((1..=6).contains(&refused), "each change of schema is refused once at most: {refused}");

    // Nothing is prepared, so nothing is outdated.
    let safe = homes::options().pooler_safe(true);
    let db = TenantDb::connect_with(one_connection(&pg), registry(), safe).await.unwrap();
    for (tenant, own) in tenants.into_iter().zip(&own).cycle().take(4) {
        let mut tx = db.tenant(tenant).await.unwrap();
        assert_eq!(tx.select::<Customer>().one(&mut tx).await.unwrap(), *own);
    }
}

/// Why there is something to mend: sqlx itself would try the same for ever.
#[tokio::test]
async fn without_the_library_the_connection_keeps_failing() {
    let (_db, pg) = alone().await;
    let pool = one_connection(&pg);
    let read = async || sqlx::query("select email from customers").fetch_all(&pool).await;
    read().await.unwrap();
    widened(&pg, "customers", "varchar(200)").await;
    for _ in 0..3 {
        let error = Error::from(read().await.unwrap_err());
        assert!(matches!(error, Error::Outdated(_)), "{error:?}");
    }
    let unprepared = sqlx::raw_sql(AssertSqlSafe("select email from customers".to_owned()));
    assert_eq!(unprepared.fetch_all(&pool).await.unwrap().len(), 0);
}
