//! Asks SQLite what its tables are and lets each answer be judged.
//!
//! Differs: there are no roles, no policies and no rights to look at. What can be wrong is a key that
//! leaves the tenant out, a guard that is missing, this crate's own tables, and foreign keys that are
//! off.

mod catalog;
mod own;
mod table;

use saas_core::schema::quoted;
use sqlx::SqliteConnection;

use super::registry;
use crate::{Finding, Options, Registry};

/// Everything that is wrong.
pub(crate) async fn findings(
    conn: &mut SqliteConnection,
    declared: &Registry,
    _options: &Options,
) -> Result<Vec<Finding>, sqlx::Error> {
    let mut findings = registry::judge(declared);
    if !catalog::foreign_keys_on(conn).await? {
        findings.push(Finding::words(
            "connection".into(),
            "does not check foreign keys",
            "connect with `SqliteConnectOptions::foreign_keys(true)`",
        ));
    }
    findings.extend(own::judge(&catalog::own(conn).await?));
    let tenants: Vec<_> = declared.tenant_tables().collect();
    for name in &tenants {
        if name.contains('.') {
            findings.push(Finding::words(
                format!("table {}", quoted(name)),
                "names its schema, and SQLite has none",
                "write `#[entity(table = …)]` without the schema",
            ));
            continue;
        }
        findings.extend(table::judge(&catalog::table(conn, name).await?));
    }
    for key in catalog::foreign_keys(conn).await? {
        findings.extend(table::judge_foreign(&key, &tenants));
    }
    Ok(findings)
}
