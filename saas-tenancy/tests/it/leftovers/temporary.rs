//! Temporary tables, which stand in front of others of the same name.

use saas_core::TenantId;
use saas_core::schema::Dialect;
use saas_tenancy::wall::{self, Roles};
use saas_tenancy::{Error, Options, Remedy, TenantDb};
use saas_testkit as testkit;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool, Postgres};

use super::{ENDINGS, end, next_is_alone, say, two};
use crate::fixture::{Customer, registry};

/// A database in which everybody may make temporary tables, as PostgreSQL gives it.
async fn open(pg: &testkit::Postgres) {
    saas_tenancy::migrate::<Postgres>(&mut pg.owner.acquire().await.unwrap()).await.unwrap();
    pg.set_up(&wall::script(&registry(), &Roles::new(&pg.app_role), Dialect::Postgres).unwrap())
        .await;
}

fn single(at: PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(1).connect_lazy_with(at)
}

const COPY: &str = "create temporary table customers as select * from customers";

async fn refused(pool: PgPool) -> Option<String> {
    match TenantDb::connect(pool, registry()).await {
        Ok(_) => None,
        Err(Error::Unsafe(findings)) => match &findings[..] {
            [one] => match &one.remedy {
                Remedy::Sql(sql) => Some(sql.clone()),
                words => panic!("{words}"),
            },
            several => panic!("{several:?}"),
        },
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_role_that_may_make_temporary_tables_is_refused_until_it_may_not() {
    let pg = testkit::postgres_fresh().await;
    open(&pg).await;
    let remedy = refused(pg.app.clone()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(remedy)).execute(&pg.owner).await.unwrap();
    assert_eq!(refused(pg.app.clone()).await, None);

    let db = TenantDb::connect(single(pg.app_options), registry()).await.unwrap();
    let mut tx = db.tenant(TenantId::new()).await.unwrap();
    let made = sqlx::raw_sql(COPY).execute(tx.raw()).await.unwrap_err();
    assert_eq!(made.as_database_error().unwrap().code().unwrap(), "42501");
}

#[tokio::test]
async fn the_script_of_the_roles_takes_that_right_and_can_be_run_again() {
    let pg = testkit::postgres_fresh().await;
    open(&pg).await;
    let script = Roles::new(&pg.app_role).create();
    for _ in 0..2 {
        sqlx::raw_sql(AssertSqlSafe(script.clone())).execute(&pg.owner).await.unwrap();
        assert_eq!(refused(pg.app.clone()).await, None);
    }
}

#[tokio::test]
async fn with_the_temporary_schema_searched_last_such_a_table_stands_in_front_of_none() {
    let pg = testkit::postgres_fresh().await;
    open(&pg).await;
    let last = single(pg.app_options.options([("search_path", "public,pg_temp")]));
    let db = TenantDb::connect(last, registry()).await.unwrap();
    let (mine, _) = two(&db).await;
    let mut tx = db.tenant(mine).await.unwrap();
    say(tx.raw(), COPY).await;
    say(tx.raw(), "insert into pg_temp.customers select * from pg_temp.customers").await;
    assert_eq!(tx.select::<Customer>().count(&mut tx).await.unwrap(), 1);
}

/// Where nobody looked: in development, or what was made before the right was taken.
#[tokio::test]
async fn a_temporary_table_is_gone_when_the_next_tenant_comes() {
    let (direct, pooled) = (
        testkit::postgres("t_tenancy_temporary").await,
        testkit::pgbouncer("t_tenancy_temporary").await,
    );
    open(&direct).await;
    let safe = Options::new().pooler_safe(true);
    for (at, options) in [(direct.app_options, Options::new()), (pooled.app_options, safe)] {
        let db = TenantDb::connect_unverified(single(at), options);
        let (mine, next) = two(&db).await;
        for ending in ENDINGS {
            let mut tx = db.tenant(mine).await.unwrap();
            say(tx.raw(), COPY).await;
            end(tx, ending).await;
            next_is_alone(&db, next).await;
            next_is_alone(&db, mine).await;
        }
    }
}
