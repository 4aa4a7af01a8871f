//! What only PostgreSQL promises: a wall that raw SQL does not get around, and its checks.

use saas_core::TenantId;
use saas_core::sql::Fragment;
use saas_tenancy::{Error, Options, TenantDb};
use saas_testkit as testkit;
use sqlx::{Executor, Postgres, Row};

use crate::fixture::{self, Customer};

async fn filled(db: &TenantDb<Postgres>, rows: usize) -> TenantId {
    let tenant = TenantId::new();
    let mut tx = db.tenant(tenant).await.unwrap();
    for number in 0..rows {
        tx.insert(&Customer::new(tenant, &format!("{number}@x"))).await.unwrap();
    }
    tx.commit().await.unwrap();
    tenant
}

#[tokio::test]
async fn raw_sql_sees_and_writes_only_the_tenants_rows() {
    let fixture = fixture::postgres().await;
    let (mine, other) = (filled(&fixture.db, 2).await, filled(&fixture.db, 3).await);
    let mut tx = fixture.db.tenant(mine).await.unwrap();
    let seen: i64 =
        sqlx::query_scalar("select count(*) from customers").fetch_one(tx.raw()).await.unwrap();
    assert_eq!(seen, 2);
    let everywhere = "update customers set email = email || '!'";
    assert_eq!(sqlx::query(everywhere).execute(tx.raw()).await.unwrap().rows_affected(), 2);
    let moved =
        sqlx::query("update customers set tenant_id = $1").bind(other).execute(tx.raw()).await;
    assert!(matches!(Error::from(moved.unwrap_err()), Error::WallRefused(_)));
    drop(tx);
    let seen = fixture.db.read(other).select::<Customer>().all().await.unwrap();
    assert!(seen.len() == 3 && seen.iter().all(|customer| !customer.email.ends_with('!')));
}

#[tokio::test]
async fn without_a_tenant_raw_sql_sees_nothing_and_writes_nothing() {
    let fixture = fixture::postgres().await;
    filled(&fixture.db, 2).await;
    let mut conn = fixture.db.pool().acquire().await.unwrap();
    let seen: i64 =
        sqlx::query_scalar("select count(*) from customers").fetch_one(&mut *conn).await.unwrap();
    assert_eq!(seen, 0);
    let deleted = sqlx::query("delete from customers").execute(&mut *conn).await.unwrap();
    assert_eq!(deleted.rows_affected(), 0);
}

#[tokio::test]
async fn a_single_read_leaves_no_tenant_on_its_connection() {
    let pg = testkit::postgres("t_tenancy").await;
    fixture::prepared(&pg).await;
    let one = sqlx::postgres::PgPoolOptions::new().max_connections(1);
    let fixture = fixture::over(one.connect_lazy_with(pg.app_options), Options::new()).await;
    let tenant = filled(&fixture.db, 3).await;
    assert_eq!(fixture.db.read(tenant).select::<Customer>().all().await.unwrap().len(), 3);
    let left: Option<String> =
        sqlx::query_scalar("select nullif(current_setting('app.tenant_id', true), '')")
            .fetch_one(fixture.db.pool())
            .await
            .unwrap();
    assert_eq!(left, None);
}

/// The statement of a single read, as text.
fn read_statement(tenant: TenantId, rows: &dyn Fragment<Postgres>) -> sqlx::QueryBuilder<Postgres> {
    let mut query = sqlx::QueryBuilder::new(
        "explain (analyze, costs off, timing off, summary off, buffers off) ",
    );
    saas_tenancy::TenantBackend::push_read(&mut query, tenant, rows);
    query
}

#[tokio::test]
async fn a_single_read_is_one_index_scan_that_waits_for_the_tenant() {
    let fixture = fixture::postgres().await;
    let tenant = filled(&fixture.db, 50).await;
    sqlx::query("analyze customers")
        .execute(&testkit::postgres("t_tenancy").await.owner)
        .await
        .unwrap();
    let select = fixture.db.read(tenant).select::<Customer>();
    let select = select.order_by(Customer::ID, saas_tenancy::Direction::Desc).limit(20);
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let mut tx = fixture.db.pool().begin().await.unwrap();
        tx.execute("set local enable_seqscan = off").await.unwrap();
        tx.execute("set local enable_bitmapscan = off").await.unwrap();
        sqlx::query("select set_config('plan_cache_mode', $1, true)")
            .bind(mode)
            .execute(&mut *tx)
            .await
            .unwrap();
        let mut query = read_statement(tenant, &select);
        let lines = query.build().fetch_all(&mut *tx).await.unwrap();
        let plan: Vec<String> = lines.iter().map(|line| line.get(0)).collect();
        // PostgreSQL 18 counts rows in hundredths.
        let plan = plan.join("\n").replace(".00 ", " ");
        let place = |text: &str| plan.find(text).unwrap_or_else(|| panic!("no {text} in\n{plan}"));
        assert!(place("One-Time Filter") < place("Index Scan"), "{plan}");
        assert!(place("(actual rows=20 loops=1)") < place("Nested Loop") + 60, "{plan}");
        assert!(!plan.contains("Sort"), "{plan}");
    }
}

/// What others put together, a page for instance, may begin with a CTE: it too must wait.
#[tokio::test]
async fn a_fragment_with_a_cte_sees_the_tenants_rows() {
    let fixture = fixture::postgres().await;
    let tenant = filled(&fixture.db, 7).await;
    let rows = saas_core::sql::Raw(
        "with head as materialized (select * from customers order by id limit 5) \
         select * from head union all (select * from customers order by id desc limit 2)",
    );
    for _ in 0..10 {
        // Ten times, so that the connection has come to a generic plan.
        assert_eq!(fixture.db.read(tenant).fetch_all(&rows).await.unwrap().len(), 7);
        assert_eq!(fixture.db.read(TenantId::new()).fetch_all(&rows).await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn a_role_that_gets_around_the_wall_is_refused_with_a_remedy() {
    let pg = testkit::postgres("t_tenancy").await;
    fixture::prepared(&pg).await;
    let url = testkit::required("TEST_POSTGRES_SUPERUSER_URL", "postgres");
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let pool = sqlx::PgPool::connect_lazy_with(options.database("t_tenancy"));
    let error = TenantDb::connect(pool, fixture::registry()).await.unwrap_err().to_string();
    assert!(error.contains("role \"postgres\" is a superuser"), "{error}");
    assert!(error.contains("create role app login nosuperuser nobypassrls"), "{error}");
}
