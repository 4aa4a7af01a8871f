//! Asks PostgreSQL's catalog, lets each answer be judged, and tries the wall.

mod across;
mod bypass;
mod catalog;
mod expression;
mod function;
mod key;
mod policy;
pub(crate) mod pooler;
mod probe;
mod role;
mod table;

use sqlx::PgConnection;

use super::registry;
use crate::{Finding, Options, Registry};

/// Everything that is wrong, in an order in which the remedies can be run.
pub(crate) async fn findings(
    conn: &mut PgConnection,
    declared: &Registry,
    options: &Options,
) -> Result<Vec<Finding>, sqlx::Error> {
    let mut findings = registry::judge(declared);
    let role = catalog::role(conn).await?;
    findings.extend(role::judge(&role));
    findings.extend(role::judge_settings(&catalog::settings(conn).await?));
    findings.extend(function::judge(&catalog::function(conn).await?, &role.name));

    let tables = catalog::tables(conn, declared).await?;
    let oids: Vec<i64> = tables.iter().filter_map(|table| table.oid).collect();
    let policies = catalog::policies(conn, &oids).await?;
    for table in &tables {
        findings.extend(table::judge(table, &role));
        let of_table = policies.iter().filter(|policy| Some(policy.table) == table.oid);
        findings.extend(policy::judge(table, &of_table.collect::<Vec<_>>(), &role.name));
    }
    findings.extend(catalog::foreign_keys(conn, &oids).await?.iter().map(key::judge_foreign));
    findings.extend(catalog::unique_keys(conn, &oids).await?.iter().map(key::judge_unique));
    findings.extend(catalog::views(conn, &oids).await?.iter().map(bypass::judge_view));
    findings.extend(catalog::functions(conn, &oids).await?.iter().map(bypass::judge_function));
    if let Some(across) = &options.across_role {
        // Who goes through a parent needs no right or policy of its partitions.
        let registered = tables.iter().filter(|table| table.registered);
        let registered: Vec<i64> = registered.filter_map(|table| table.oid).collect();
        let across = catalog::across(conn, across, &registered).await?;
        findings.extend(across::judge(&across, &role.name));
    }
    findings.extend(across::judge_audit(catalog::audit(conn).await?.as_deref()));
    if !role.bypasses_at_all() {
        findings.extend(probe::findings(conn, &tables).await?);
    }
    Ok(findings)
}
