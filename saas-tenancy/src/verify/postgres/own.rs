//! Judges this crate's own tables: as strictly as registered ones where they hold tenants' rows, and
//! more strictly in that nobody is to change what the migrations made.

use super::policy::{self, Command, Policy};
use super::role::Role;
use super::shipped::{self, ShippedPolicy, TABLES};
use super::table::{self, Table};
use crate::Finding;

/// What the catalog says of one of them.
#[derive(Debug)]
pub(super) struct OwnTable {
    /// Without its schema.
    pub(super) name: &'static str,
    pub(super) table: Table,
    /// The role that owns it, quoted.
    pub(super) owner: String,
}

impl OwnTable {
    /// Whether it holds tenants' rows.
    pub(super) fn is_walled(&self) -> bool {
        !policies_of(self.name).is_empty()
    }
}

/// A right that public, the connected role or one that it can become was granted.
#[derive(Debug)]
pub(super) struct Right {
    /// None for the schema.
    pub(super) table: Option<String>,
    pub(super) privilege: String,
    pub(super) column: Option<String>,
    pub(super) holder: String,
}

/// A trigger or rule on one of them, or a function that sets the tenant.
#[derive(Debug)]
pub(super) struct Stranger {
    pub(super) object: String,
    /// Takes it away.
    pub(super) remedy: String,
}

pub(super) fn judge_stranger(stranger: &Stranger) -> Finding {
    let problem = match stranger.object.starts_with("function ") {
        true => "sets the tenant by itself, so who calls it sees that tenant's rows",
        false => "comes between this crate and its own table",
    };
    Finding::sql(stranger.object.clone(), problem, &*stranger.remedy)
}

pub(super) fn judge(own: &OwnTable, policies: &[&Policy], role: &Role) -> Vec<Finding> {
    let shipped = policies_of(own.name);
    if own.table.oid.is_none() {
        let missing = Finding::words(
            format!("table saas.{}", own.name),
            "does not exist",
            "run `saas_tenancy::migrate` as the role that owns the tables",
        );
        // Only who migrates schemas uses the ledger of them.
        return if own.name == "schemas" { Vec::new() } else { vec![missing] };
    }
    if shipped.is_empty() {
        return Vec::new();
    }
    let mut findings = table::judge(&own.table, role);
    findings.extend(shipped.iter().filter_map(|shipped| judge_policy(own, shipped, policies)));
    let strangers = policies.iter().copied().filter(|policy| !is_known(shipped, policy));
    findings.extend(policy::judge_widening(&own.table, strangers, policies));
    findings
}

fn policies_of(table: &str) -> &'static [ShippedPolicy] {
    TABLES.iter().find(|(name, _)| *name == table).map_or(&[], |(_, policies)| policies)
}

fn is_known(shipped: &[ShippedPolicy], policy: &Policy) -> bool {
    shipped.iter().any(|shipped| shipped.name == policy.name)
}

/// Whether it is one that the migrations made and says what they said, so that it opens nothing.
pub(super) fn is_shipped(own: &[OwnTable], policy: &Policy) -> bool {
    own.iter().filter(|own| own.table.oid == Some(policy.table)).any(|own| {
        policies_of(own.name)
            .iter()
            .any(|shipped| shipped.name == policy.name && says(own, shipped, policy))
    })
}

fn judge_policy(own: &OwnTable, shipped: &ShippedPolicy, all: &[&Policy]) -> Option<Finding> {
    let (name, on) = (shipped.name, &own.table.name);
    let found = all.iter().find(|policy| policy.name == name);
    let make = create(own, shipped);
    match found {
        None => {
            let object = format!("table {on}");
            Some(Finding::sql(object, "lacks a policy that the migrations made", make))
        }
        Some(policy) if !says(own, shipped, policy) => Some(Finding::sql(
            format!("policy {name} on table {on}"),
            "is not the one that the migrations made",
            format!("drop policy {name} on {on}; {make}"),
        )),
        Some(_) => None,
    }
}

fn says(own: &OwnTable, shipped: &ShippedPolicy, policy: &Policy) -> bool {
    let command = if shipped.owners { Command::Insert } else { Command::All };
    // For somebody else than the application alone; or for the application at least.
    let roles =
        if shipped.owners { own.table.owned || !policy.could_apply } else { policy.applies };
    roles
        && policy.permissive
        && policy.command == command
        && policy.using.as_deref() == shipped.using
        && policy.check.as_deref() == Some(shipped.check)
}

fn create(own: &OwnTable, shipped: &ShippedPolicy) -> String {
    let (name, on) = (shipped.name, &own.table.name);
    let whose = if shipped.owners {
        format!("for insert to {}", own.owner)
    } else {
        "for all to public".into()
    };
    let using = shipped.using.map(|text| format!(" using ({text})")).unwrap_or_default();
    format!("create policy {name} on {on} {whose}{using} with check ({})", shipped.check)
}

/// What was granted beyond what `grant` gives.
pub(super) fn judge_rights(rights: &[Right], role: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let of_schema: Vec<_> = rights.iter().filter(|right| right.table.is_none()).collect();
    if !of_schema.is_empty() {
        findings.push(Finding::sql(
            "schema saas".to_owned(),
            "lets the connected role make objects in it",
            format!(
                "revoke create on schema saas from {}",
                listed(&of_schema, |right| &right.holder)
            ),
        ));
    }
    for (table, _) in TABLES {
        let beyond = rights.iter().filter(|right| {
            right.table.as_deref() == Some(table)
                && !shipped::gives(table, &right.privilege, right.column.as_deref())
        });
        let (changing, others): (Vec<_>, Vec<_>) = beyond.partition(|right| {
            table == "audit" && ["UPDATE", "DELETE", "TRUNCATE"].contains(&&*right.privilege)
        });
        let changed = "may be changed by the connected role, so its entries prove nothing";
        findings.extend(revoke(table, changed, &changing, role));
        let more = "gives the connected role more than `saas_tenancy::grant` does";
        findings.extend(revoke(table, more, &others, role));
    }
    findings
}

fn revoke(table: &str, problem: &'static str, rights: &[&Right], role: &str) -> Option<Finding> {
    if rights.is_empty() {
        return None;
    }
    let words = listed(rights, |right| &right.privilege).to_lowercase();
    // Taking a right on the table away takes those on its columns along.
    let again = rights.iter().any(|right| right.privilege == "INSERT");
    let again = if again { shipped::grants(table, role) } else { String::new() };
    Some(Finding::sql(
        format!("table saas.{table}"),
        problem,
        format!(
            "revoke {words} on saas.{table} from {}{again}",
            listed(rights, |right| &right.holder)
        ),
    ))
}

/// Each once, in one order.
fn listed<'r>(rights: &[&'r Right], of: impl Fn(&'r Right) -> &'r str) -> String {
    let words: std::collections::BTreeSet<_> = rights.iter().map(|right| of(right)).collect();
    words.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
