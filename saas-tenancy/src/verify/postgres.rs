//! Asks PostgreSQL's catalog, lets each answer be judged, and tries the wall.

mod across;
mod catalog;
mod expression;
mod function;
mod key;
mod own;
mod policy;
pub(crate) mod pooler;
mod probe;
mod reach;
mod role;
mod schemas;
mod session;
mod shipped;
mod table;
mod view;

use std::collections::HashMap;

use sqlx::PgConnection;

use self::key::ForeignKey;
use self::own::OwnTable;
use self::policy::Policy;
use self::role::Role;
use super::registry;
use crate::{Finding, Isolation, Options, Registry};

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
    findings.extend(function::judge(&catalog::own_functions(conn).await?, &role));

    let tables = catalog::tables(conn, declared, options).await?;
    let own = catalog::own_tables(conn).await?;
    let mut oids: Vec<i64> = tables.iter().filter_map(|table| table.oid).collect();
    findings.extend(session::judge(&catalog::session(conn, &oids).await?, options.isolation));
    oids.extend(own.iter().filter(|own| own.is_walled()).filter_map(|own| own.table.oid));
    let policies = catalog::policies(conn, &oids).await?;
    let mut of = by_table(&policies);
    for table in &tables {
        findings.extend(table::judge(table, &role));
        findings.extend(policy::judge(table, of_table(&of, table.oid), &role.name));
    }
    findings.extend(of_own(conn, &own, &of, &role).await?);
    findings.extend(of_keys(conn, &oids).await?);

    findings.extend(catalog::views(conn, &oids).await?.iter().map(view::judge));
    // What this crate made opens nothing, though it does not look so.
    of.values_mut().for_each(|all| all.retain(|policy| !own::is_shipped(&own, policy)));
    let mut ways = catalog::definers(conn, &oids).await?;
    ways.extend(catalog::rules(conn, &oids).await?);
    findings.extend(reach::judge(&ways, &of));
    if let Some(across) = &options.across_role {
        // Who goes through a parent needs no right or policy of its partitions.
        let registered = tables.iter().filter(|table| table.registered);
        let registered: Vec<i64> = registered.filter_map(|table| table.oid).collect();
        let across = catalog::across(conn, across, &registered).await?;
        findings.extend(across::judge(&across, &role.name));
    }
    if !role.bypasses_at_all() {
        findings.extend(probe::findings(conn, &tables).await?);
    }
    if options.isolation == Isolation::Schema {
        findings = schemas::condensed(findings, &options.schema_names);
    }
    Ok(findings)
}

/// Of this crate's own tables.
async fn of_own(
    conn: &mut PgConnection,
    own: &[OwnTable],
    policies: &HashMap<i64, Vec<&Policy>>,
    role: &Role,
) -> Result<Vec<Finding>, sqlx::Error> {
    let judged =
        own.iter().flat_map(|own| own::judge(own, of_table(policies, own.table.oid), role));
    let mut findings: Vec<_> = judged.collect();
    findings.extend(own::judge_rights(&catalog::own_rights(conn).await?, &role.name));
    findings.extend(catalog::strangers(conn).await?.iter().map(own::judge_stranger));
    Ok(findings)
}

/// Of what constraints say, and whether they are asked.
async fn of_keys(conn: &mut PgConnection, oids: &[i64]) -> Result<Vec<Finding>, sqlx::Error> {
    let foreign = catalog::foreign_keys(conn, oids).await?;
    let children: Vec<i64> = foreign.iter().filter_map(ForeignKey::asks).collect();
    let policies = match &children[..] {
        [] => Vec::new(),
        children => catalog::policies(conn, children).await?,
    };
    let of = by_table(&policies);
    let judged =
        foreign.iter().filter_map(|key| key::judge_foreign(key, of_table(&of, key.asks())));
    let mut findings: Vec<_> = judged.collect();
    findings.extend(catalog::unique_keys(conn, oids).await?.iter().map(key::judge_unique));
    findings.extend(catalog::unchecked(conn, oids).await?.iter().map(key::judge_unchecked));
    Ok(findings)
}

fn by_table(policies: &[Policy]) -> HashMap<i64, Vec<&Policy>> {
    let mut of: HashMap<i64, Vec<&Policy>> = HashMap::new();
    for policy in policies {
        of.entry(policy.table).or_default().push(policy);
    }
    of
}

fn of_table<'p, 'm>(of: &'m HashMap<i64, Vec<&'p Policy>>, table: Option<i64>) -> &'m [&'p Policy] {
    table.and_then(|oid| of.get(&oid)).map_or(&[], Vec::as_slice)
}
