//! The first day of a database: from nothing to rows that only their tenant sees.
//!
//! `cargo run -p saas-tenancy --features postgres --example first_day -- OWNER_URL APP_ROLE PASSWORD`
//!
//! The URL leads to an empty PostgreSQL database, as a role that may make roles and will own the
//! tables. The application connects as another, which is made here if it is missing.

use std::error::Error;
use std::io::Write;

use saas_core::schema::Dialect;
use saas_core::{Entity, Id, TenantId};
use saas_tenancy::wall::{self, Roles};
use saas_tenancy::{Registry, TenantDb};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection, PgPool, Postgres, QueryBuilder};

#[derive(Entity, sqlx::FromRow)]
#[entity(table = "customers", tenant, timestamps, version)]
struct Customer {
    id: Id<Customer>,
    #[entity(unique)]
    email: String,
}

#[derive(Entity, sqlx::FromRow)]
#[entity(table = "invoices", tenant, soft_delete, timestamps, version)]
struct Invoice {
    id: Id<Invoice>,
    #[entity(references = Customer)]
    customer_id: Id<Customer>,
    number: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [url, app_role, password] = &given[..] else {
        return Err(
            "three are wanted: the owner's URL, the application's role, its password".into()
        );
    };
    let seen = first_day(url.parse()?, app_role, password).await?;
    Ok(writeln!(std::io::stdout(), "each tenant sees its own: {seen:?}")?)
}

/// Returns the numbers of the invoices that each of two tenants sees.
pub(crate) async fn first_day(
    owner: PgConnectOptions,
    app_role: &str,
    password: &str,
) -> Result<[Vec<String>; 2], Box<dyn Error>> {
    let registry = Registry::new().register::<Customer>().register::<Invoice>();

    // As the owner, once: the roles, this crate's own tables with their rights, the tables with their
    // wall. An application has the last as a migration of its own.
    let mut conn = owner.connect().await?;
    let roles = Roles::new(app_role);
    run(&mut conn, roles.create()).await?;
    run(&mut conn, set_password(app_role, password)).await?;
    saas_tenancy::migrate::<Postgres>(&mut conn).await?;
    saas_tenancy::grant(&mut conn, roles.clone()).await?;
    run(&mut conn, wall::script(&registry, &roles, Dialect::Postgres)?).await?;

    // As the application, at each start: whatever would let a tenant see another's rows is refused.
    let app = PgPool::connect_with(owner.username(app_role).password(password)).await?;
    let db = TenantDb::connect(app, registry).await?;
    let tenants = [TenantId::new(), TenantId::new()];
    for (tenant, number) in tenants.into_iter().zip(["2026-001", "2026-002"]) {
        let customer = Customer { id: Id::new(), email: "mia@example.com".into() };
        let (id, customer_id) = (Id::new(), customer.id);
        let mut tx = db.tenant(tenant).await?;
        tx.insert(&customer).await?;
        tx.insert(&Invoice { id, customer_id, number: number.into() }).await?;
        tx.commit().await?;
    }
    let mut seen = [const { Vec::new() }; 2];
    for (tenant, seen) in tenants.into_iter().zip(&mut seen) {
        let invoices = db.read(tenant).select::<Invoice>().all().await?;
        seen.extend(invoices.into_iter().map(|invoice| invoice.number));
    }
    Ok(seen)
}

/// Apart from `Roles::create`, whose text may stand in a migration for everybody to read.
fn set_password(role: &str, password: &str) -> String {
    let (role, password) = (saas_core::schema::identifier(role), password.replace('\'', "''"));
    format!("alter role {role} password '{password}'")
}

async fn run(conn: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(QueryBuilder::<Postgres>::new(sql).into_sql()).execute(conn).await.map(drop)
}
