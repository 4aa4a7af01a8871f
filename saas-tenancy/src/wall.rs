//! The wall in the database, as text to put into a migration, and as a check.
//!
//! On PostgreSQL it is row-level security, which even raw SQL cannot get around; on SQLite it is
//! guard triggers beside the composite keys. The tables themselves, with the keys that a wall needs,
//! are [`saas_core::schema::table`]; [`script`] writes both for a whole registry.
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
//!
//! A migration runs once, and so does this text: run twice it fails at the first object that is
//! there already. Only [`Roles::create`] can be run again, since roles belong to the whole cluster
//! and not to one database.

mod check;
mod postgres;
mod roles;
mod script;
mod sqlite;

use saas_core::TenantOwned;

pub use check::check;
pub use postgres::{function, partition};
pub use roles::Roles;
pub use script::script;

#[cfg(feature = "postgres")]
pub(crate) use postgres::{ACROSS_GRANTS, APP_GRANTS, CONDITION};
pub(crate) use sqlite::{REFUSAL, triggers};

/// Rights and policy of one entity's table for the application's role.
///
/// The sub-select makes the tenant a constant of the statement instead of a call per row.
pub fn postgres<E: TenantOwned>(app_role: &str) -> String {
    postgres::table(E::TABLE, &Roles::new(app_role))
}

/// The guard triggers of one entity's table.
///
/// ```
/// # use saas_core::{Entity, Id};
/// # #[derive(Entity)]
/// # #[entity(table = "invoices", tenant)]
/// # struct Invoice { id: Id<Invoice> }
/// assert_eq!(saas_tenancy::wall::sqlite::<Invoice>(), r#"create trigger "invoices_tenant_insert" before insert on "invoices"
/// when typeof(new.tenant_id) <> 'blob' or length(new.tenant_id) <> 16
/// begin
///     select raise(abort, 'tenant wall: the row names no tenant');
/// end;
/// create trigger "invoices_tenant_update" before update of tenant_id on "invoices"
/// when new.tenant_id is not old.tenant_id
/// begin
///     select raise(abort, 'tenant wall: a row does not move to another tenant');
/// end;
/// "#);
/// ```
///
/// That a child's tenant is its parent's is said by the composite foreign keys of the table, which
/// hold on connections with `foreign_keys(true)`, deferred ones at the commit.
pub fn sqlite<E: TenantOwned>() -> String {
    triggers(E::TABLE).map(|trigger| trigger.create()).concat()
}
