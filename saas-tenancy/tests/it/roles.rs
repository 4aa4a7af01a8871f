//! Roles whose names hold whatever a name may hold.

use saas_core::TenantId;
use saas_core::schema::Dialect;
use saas_tenancy::wall::{self, Roles};
use saas_tenancy::{Options, Reason, TenantDb};
use saas_testkit as testkit;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, PgPool, Postgres};

use crate::fixture::{Customer, registry};
use crate::walled::run;

const APP: &str = r#"app.writer"x"#;
const ACROSS: &str = "app.reader's";

#[tokio::test]
async fn a_role_with_dots_and_quotes_in_its_name_is_one_role() {
    let pg = testkit::postgres_fresh().await;
    let superuser = testkit::required("TEST_POSTGRES_SUPERUSER_URL", "postgres");
    let superuser: PgConnectOptions = superuser.parse().unwrap();
    let database = pg.owner_options.get_database().unwrap();
    let mut conn = PgConnection::connect_with(&superuser.database(database)).await.unwrap();
    let roles = Roles::new(APP).across(ACROSS);
    // Roles are the cluster's: tests that start together take turns.
    let create = format!(
        "begin; select pg_advisory_xact_lock(4713); {}
         alter role \"app.writer\"\"x\" password 'dots'; commit",
        roles.create()
    );
    run(&mut conn, &create).await;
    let mut owner = pg.owner.acquire().await.unwrap();
    saas_tenancy::migrate::<Postgres>(&mut owner).await.unwrap();
    pg.set_up(&wall::script(&registry(), &roles, Dialect::Postgres).unwrap()).await;
    saas_tenancy::grant(&mut owner, roles).await.unwrap();

    let pool = PgPool::connect_lazy_with(pg.app_options.clone().username(APP).password("dots"));
    let options = Options::new().across_role(ACROSS);
    let db = TenantDb::connect_with(pool, registry(), options).await.unwrap();
    let tenant = TenantId::new();
    let mut tx = db.tenant(tenant).await.unwrap();
    tx.insert(&Customer::new(tenant, "a@x")).await.unwrap();
    tx.commit().await.unwrap();
    let mut all = db.across_tenants(Reason::new("test", "to see it")).await.unwrap();
    assert_eq!(all.select::<Customer>().one(&mut all).await.unwrap().email, "a@x");
    all.commit().await.unwrap();
}
