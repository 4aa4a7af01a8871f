//! Connecting says what the check finds.

use saas_tenancy::{Options, TenantDb};
use saas_testkit as testkit;

use crate::fixture::registry;
use crate::walled::{APP, run, walled};

#[tokio::test]
async fn connecting_refuses_what_the_check_finds_and_the_way_around_is_explicit() {
    let (pg, mut conn) = walled("t_tenancy_connecting").await;
    run(&mut conn, "alter role wall_app password 'wall'").await;
    let pool =
        sqlx::PgPool::connect_lazy_with(pg.app_options.clone().username(APP).password("wall"));
    TenantDb::connect(pool.clone(), registry()).await.unwrap();
    run(
        &mut conn,
        "create table if not exists leak () inherits (notes); grant select on leak to wall_app",
    )
    .await;
    let error = TenantDb::connect(pool.clone(), registry()).await.unwrap_err().to_string();
    run(&mut conn, "drop table leak").await;
    assert!(
        error.starts_with("the database does not isolate tenants:\n- table public.leak "),
        "{error}"
    );
    let unverified = TenantDb::connect_unverified(pool, Options::new());
    assert!(unverified.global().await.is_ok());
}

#[tokio::test]
async fn a_pooler_that_nobody_declared_is_found_and_the_mode_suggested() {
    let direct = testkit::postgres("t_tenancy").await;
    crate::fixture::prepared(&direct).await;
    let pooled = testkit::pgbouncer("t_tenancy").await;
    let error = TenantDb::connect(pooled.app.clone(), registry()).await.unwrap_err().to_string();
    assert!(error.contains("connection goes through a pooler"), "{error}");
    assert!(error.contains("Options::new().pooler_safe(true)"), "{error}");
    let safe = Options::new().pooler_safe(true);
    TenantDb::connect_with(pooled.app, registry(), safe).await.unwrap();
    TenantDb::connect(direct.app, registry()).await.unwrap();
}
