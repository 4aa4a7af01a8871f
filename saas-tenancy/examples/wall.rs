//! Prints the schema of a few entities with its wall, to put into a migration:
//! `cargo run -p saas-tenancy --example wall -- postgres` (or `sqlite`, or `roles`).

use std::io::Write;

use saas_core::schema::Dialect;
use saas_core::{Entity, Id};
use saas_tenancy::Registry;
use saas_tenancy::wall::{self, Roles};

#[derive(Entity)]
#[entity(table = "plans", global)]
struct Plan {
    id: Id<Plan>,
    #[entity(unique)]
    name: String,
}

#[derive(Entity)]
#[entity(table = "customers", tenant, soft_delete, timestamps, version)]
struct Customer {
    id: Id<Customer>,
    #[entity(unique)]
    email: String,
    #[entity(references = Plan)]
    plan_id: Option<Id<Plan>>,
}

#[derive(Entity)]
#[entity(table = "billing.invoices", tenant, soft_delete, timestamps, version)]
struct Invoice {
    id: Id<Invoice>,
    #[entity(references = Customer)]
    customer_id: Id<Customer>,
    number: String,
    total_minor: i64,
}

/// The crate's own tables after the function, whose rights the text gives as well.
const MIGRATIONS: &str = concat!(
    include_str!("../migrations/postgres/0002_audit.sql"),
    include_str!("../migrations/postgres/0003_settings.sql"),
    include_str!("../migrations/postgres/0004_tenants.sql"),
    include_str!("../migrations/postgres/0005_transfers.sql"),
);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In any order: what is referenced comes first.
    let registry = Registry::new().register::<Invoice>().register::<Customer>().register::<Plan>();
    let roles = Roles::new("invoicing_app").owner("invoicing_owner");
    let sql = match std::env::args().nth(1).as_deref() {
        Some("roles") => roles.create(),
        Some("sqlite") => wall::script(&registry, &roles, Dialect::Sqlite)?,
        // What `saas_tenancy::migrate` makes comes first, so that the text stands on its own.
        _ => {
            let tables = wall::script(&registry, &roles, Dialect::Postgres)?;
            format!("create schema saas;\n{}{MIGRATIONS}{tables}", wall::function())
        }
    };
    Ok(std::io::stdout().write_all(sql.as_bytes())?)
}
