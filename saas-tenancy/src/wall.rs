//! The wall in the database, as text to put into a migration: row-level security that even raw SQL
//! cannot get around.
//!
//! ```
//! # use saas_core::{Entity, Id};
//! # #[derive(Entity)]
//! # #[entity(table = "invoices", tenant)]
//! # struct Invoice { id: Id<Invoice> }
//! assert_eq!(saas_tenancy::wall::postgres::<Invoice>("invoicing_app"), r#"grant select, insert, update, delete on "invoices" to "invoicing_app";
//! alter table "invoices" enable row level security;
//! alter table "invoices" force row level security;
//! create policy tenant_isolation on "invoices" to "invoicing_app"
//!     using (tenant_id = (select saas.tenant_id()))
//!     with check (tenant_id = (select saas.tenant_id()));
//! "#);
//! ```

use saas_core::TenantOwned;
use saas_core::schema::quoted;

/// Rights and policy of one entity's table for the application's role.
///
/// The sub-select makes the tenant a constant of the statement instead of a call per row. The table
/// itself, with the keys that a wall needs, is [`saas_core::schema::table`].
pub fn postgres<E: TenantOwned>(app_role: &str) -> String {
    let (table, role) = (quoted(E::TABLE), quoted(app_role));
    format!(
        "grant select, insert, update, delete on {table} to {role};\n\
         alter table {table} enable row level security;\n\
         alter table {table} force row level security;\n\
         create policy tenant_isolation on {table} to {role}\n    \
             using (tenant_id = (select saas.tenant_id()))\n    \
             with check (tenant_id = (select saas.tenant_id()));\n"
    )
}
