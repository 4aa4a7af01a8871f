//! Judges the policies of one table.

use super::expression::{holds_to_crossing, holds_to_tenant};
use super::table::Table;
use crate::{Finding, wall};

/// What the catalog says of one policy.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) table: i64,
    /// Quoted.
    pub(super) name: String,
    pub(super) command: Command,
    pub(super) permissive: bool,
    /// The roles it is for, quoted; empty for everybody.
    pub(super) roles: Vec<String>,
    /// Whether it applies to the connected role as it is.
    pub(super) applies: bool,
    /// Whether it applies to the connected role or to one that it can become.
    pub(super) could_apply: bool,
    /// Whether it is for everybody or names the connected role.
    pub(super) named: bool,
    pub(super) using: Option<String>,
    pub(super) check: Option<String>,
}

/// What a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    All,
    Select,
    Insert,
    Update,
    Delete,
}

impl Command {
    fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    fn has_using(self) -> bool {
        self != Self::Insert
    }

    pub(super) fn has_check(self) -> bool {
        matches!(self, Self::All | Self::Insert | Self::Update)
    }
}

impl Policy {
    /// Whether it binds everybody that `other` lets in, at everything that `other` lets them do.
    fn covers(&self, other: &Self) -> bool {
        (self.command == Command::All || self.command == other.command)
            && (self.roles.is_empty()
                || !other.roles.is_empty()
                    && other.roles.iter().all(|role| self.roles.contains(role)))
    }

    /// Whether what it shows, and what it lets be written, is the tenant's. A check that is not there
    /// writes only what it shows; a policy without any expression lets nothing through.
    fn holds(&self) -> bool {
        let using = self.using.as_deref().is_none_or(holds_to_tenant);
        using && self.check.as_deref().is_none_or(holds_to_tenant)
    }

    /// Whether it is restrictive and holds all that its command can do to the tenant.
    fn binds(&self) -> bool {
        let said = if self.command.has_using() { &self.using } else { &self.check };
        !self.permissive && said.is_some() && self.holds()
    }

    fn crosses(&self) -> bool {
        self.command == Command::Select && self.using.as_deref().is_some_and(holds_to_crossing)
    }

    fn is_plainly_true(&self) -> bool {
        [&self.using, &self.check].into_iter().flatten().all(|text| text == "true")
    }

    fn to_roles(&self) -> String {
        if self.roles.is_empty() { "public".to_owned() } else { self.roles.join(", ") }
    }

    /// The expressions that hold it to the tenant, those that its command can have.
    fn sound_expressions(&self) -> String {
        let condition = wall::CONDITION;
        let using = self.command.has_using().then(|| format!(" using ({condition})"));
        let check = self.command.has_check().then(|| format!(" with check ({condition})"));
        using.unwrap_or_default() + &check.unwrap_or_default()
    }

    /// The expressions that it has.
    fn expressions(&self) -> String {
        let using = self.using.as_ref().map(|text| format!(" using ({text})"));
        let check = self.check.as_ref().map(|text| format!(" with check ({text})"));
        using.unwrap_or_default() + &check.unwrap_or_default()
    }
}

/// Permissive policies are joined by OR: each of them must hold rows to the tenant, or a restrictive
/// one, which is joined by AND, must do it for all.
pub(super) fn judge(table: &Table, policies: &[&Policy], role: &str) -> Vec<Finding> {
    // Without row-level security no policy does anything: that is a finding of the table.
    if !table.is_exposed() || !table.enabled {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if table.registered && !policies.iter().any(|policy| policy.permissive && policy.applies) {
        findings.push(Finding::sql(
            format!("table {}", table.name),
            "has no policy for the connected role, which then sees nothing",
            format!(
                "create policy tenant_isolation on {} to {role} using ({}) with check ({})",
                table.name,
                wall::CONDITION,
                wall::CONDITION
            ),
        ));
    }
    findings.extend(judge_widening(table, policies.iter().copied(), policies));
    findings
}

/// What some of the policies of a table let through.
pub(super) fn judge_widening<'p>(
    table: &Table,
    some: impl Iterator<Item = &'p Policy>,
    all: &[&Policy],
) -> Vec<Finding> {
    let let_in = some.filter(|policy| policy.permissive && policy.could_apply);
    let_in.filter_map(|policy| judge_one(table, policy, all)).collect()
}

/// Whether one of those policies that somebody is let in by shows them what is not the tenant's. A
/// crossing does: it is for who steps into its role, not for who reads as somebody else.
pub(super) fn opens(policies: &[&Policy], lets_in: impl Fn(&Policy) -> bool) -> bool {
    let let_in = policies.iter().filter(|policy| policy.permissive && lets_in(policy));
    let_in
        .filter(|policy| !policy.holds())
        .any(|policy| !policies.iter().any(|other| other.binds() && other.covers(policy)))
}

fn judge_one(table: &Table, policy: &Policy, all: &[&Policy]) -> Option<Finding> {
    let (name, on) = (&policy.name, &table.name);
    if policy.crosses() && policy.named {
        return Some(Finding::sql(
            format!("policy {name} on table {on}"),
            "shows every tenant's rows to the connected role, which has only to write a crossing down",
            format!("drop policy {name} on {on}"),
        ));
    }
    if policy.crosses() || all.iter().any(|other| other.binds() && other.covers(policy)) {
        return None;
    }
    let alter = format!("alter policy {name} on {on}{}", policy.sound_expressions());
    let others = all.iter().any(|other| {
        other.name != policy.name && other.permissive && other.applies && other.holds()
    });
    let (problem, sql) = if policy.holds() {
        if policy.check.is_some() || !policy.command.has_check() {
            return None;
        }
        ("has no WITH CHECK", alter)
    } else if policy.is_plainly_true() {
        (
            "lets every row through",
            if others { format!("drop policy {name} on {on}") } else { alter },
        )
    } else if others {
        let again = format!(
            "drop policy {name} on {on}; \
             create policy {name} on {on} as restrictive for {} to {}{}",
            policy.command.word(),
            policy.to_roles(),
            policy.expressions()
        );
        (
            "is permissive, so joined to the others by OR, and does not hold rows to the tenant",
            again,
        )
    } else {
        (
            "does not hold every row to the tenant by `tenant_id = saas.tenant_id()`, alone or with AND",
            alter,
        )
    };
    Some(Finding::sql(format!("policy {name} on table {on}"), problem, sql))
}

#[cfg(test)]
pub(super) mod tests;
