//! Rights and policies, as text.

use saas_core::schema::{identifier, quoted};

use super::Roles;

/// What every row of a tenant's table is held to.
pub(crate) const CONDITION: &str = "tenant_id = (select saas.tenant_id())";
/// What shows all rows to who crosses tenants.
const CROSSING: &str = "(select saas.crossing())";

const FUNCTION: &str = include_str!("../../migrations/postgres/0001_tenant_id.sql");

/// The function that the policies call, as [`migrate`](crate::migrate) makes it in the schema `saas`.
pub fn function() -> &'static str {
    FUNCTION
}

/// Rights and policies of a tenant's table.
pub(super) fn table(name: &str, roles: &Roles) -> String {
    format!(
        "grant select, insert, update, delete on {} to {};\n{}{}",
        quoted(name),
        identifier(roles.app_role()),
        policy(name, roles),
        crossing(name, roles)
    )
}

/// The wall of a partition, or of a child by inheritance.
///
/// The policies of a parent bind who goes through the parent; whoever names the child goes past
/// them. So the child gets policies of its own. It gets no rights, since going through the parent
/// asks only for the parent's.
///
/// ```
/// use saas_tenancy::wall::{self, Roles};
/// let sql = wall::partition("events_2026_01", &Roles::new("app"));
/// assert!(sql.starts_with(r#"alter table "events_2026_01" enable row level security;"#));
/// ```
pub fn partition(child: &str, roles: &Roles) -> String {
    policy(child, roles)
}

/// What the application's role may do with this crate's own objects. An entry's transaction is not
/// among the columns: it is never given.
pub(crate) const APP_GRANTS: [&str; 7] = [
    "grant usage on schema saas to :role",
    "grant execute on function saas.tenant_id() to :role",
    "grant select, insert (tenant_id, id, actor, action, entity, entity_id, change, at) \
     on saas.audit to :role",
    "grant select, insert, update, delete on saas.settings, saas.transfers to :role",
    "grant select, insert, update on saas.tenants to :role",
    "grant select, insert, delete on saas.tenant_domains to :role",
    "grant select, insert on saas.tenant_steps to :role",
];

/// What the role that crosses tenants may do with them.
pub(crate) const ACROSS_GRANTS: [&str; 3] = [
    "grant usage on schema saas to :role",
    "grant execute on function saas.tenant_id(), saas.crossing(), \
     saas.cross(uuid, text, text, timestamptz) to :role",
    "grant select on saas.audit to :role",
];

/// Lets the roles use what the policies call, and this crate's tables.
pub(super) fn entrance(roles: &Roles) -> String {
    let to = |role: &str, grants: &[&str]| {
        let role = identifier(role).to_string();
        let grants = grants.iter().map(|grant| format!("{};\n", grant.replace(":role", &role)));
        grants.collect::<String>()
    };
    let across = roles.across_role().map(|role| to(role, &ACROSS_GRANTS));
    to(roles.app_role(), &APP_GRANTS) + &across.unwrap_or_default()
}

/// A schema that tables are in.
pub(super) fn schema(name: &str, roles: &Roles) -> String {
    let mut sql = format!("create schema if not exists {};\n", quoted(name));
    for role in [Some(roles.app_role()), roles.across_role()].into_iter().flatten() {
        sql += &usage(&quoted(name).to_string(), role);
    }
    sql
}

fn usage(schema: &str, role: &str) -> String {
    format!("grant usage on schema {schema} to {};\n", identifier(role))
}

/// Rights on a table that belongs to nobody in particular.
pub(super) fn global(name: &str, roles: &Roles) -> String {
    let table = quoted(name);
    let app = format!(
        "grant select, insert, update, delete on {table} to {};\n",
        identifier(roles.app_role())
    );
    let across = roles
        .across_role()
        .map(|role| format!("grant select on {table} to {};\n", identifier(role)));
    app + &across.unwrap_or_default()
}

fn policy(name: &str, roles: &Roles) -> String {
    let (table, role) = (quoted(name), identifier(roles.app_role()));
    format!(
        "alter table {table} enable row level security;\n\
         alter table {table} force row level security;\n\
         create policy tenant_isolation on {table} to {role}\n    \
             using ({CONDITION})\n    \
             with check ({CONDITION});\n"
    )
}

/// Shows every row to the role that crosses tenants, and only while a crossing is written down.
fn crossing(name: &str, roles: &Roles) -> String {
    let Some(role) = roles.across_role() else { return String::new() };
    let (table, role) = (quoted(name), identifier(role));
    format!(
        "grant select on {table} to {role};\n\
         create policy tenant_crossing on {table} for select to {role}\n    \
             using ({CROSSING});\n"
    )
}
