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

    fn has_check(self) -> bool {
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
    let let_in = policies.iter().filter(|policy| policy.permissive && policy.could_apply);
    findings.extend(let_in.filter_map(|policy| judge_one(table, policy, policies)));
    findings
}

fn judge_one(table: &Table, policy: &Policy, all: &[&Policy]) -> Option<Finding> {
    let (name, on) = (&policy.name, &table.name);
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
mod tests {
    use super::super::table::tests::sound as table;
    use super::*;

    const OURS: &str = "(tenant_id = ( SELECT saas.tenant_id() AS tenant_id))";

    fn sound() -> Policy {
        Policy {
            table: 1,
            name: "p".into(),
            command: Command::All,
            permissive: true,
            roles: vec!["app".into()],
            applies: true,
            could_apply: true,
            using: Some(OURS.into()),
            check: Some(OURS.into()),
        }
    }

    fn open() -> Policy {
        let published = || Some("published".to_owned());
        Policy { name: "open".into(), using: published(), check: published(), ..sound() }
    }

    fn judged(policies: &[Policy]) -> Vec<String> {
        let policies: Vec<_> = policies.iter().collect();
        judge(&table(), &policies, "app").iter().map(ToString::to_string).collect()
    }

    fn guard() -> Policy {
        Policy { name: "guard".into(), permissive: false, ..sound() }
    }

    #[test]
    fn policies_that_hold_rows_to_the_tenant_pass() {
        let select = Policy { command: Command::Select, check: None, ..sound() };
        let insert = Policy { command: Command::Insert, using: None, ..sound() };
        assert_eq!(judged(&[sound()]), [""; 0]);
        assert_eq!(judged(&[select, insert]), [""; 0]);
        assert_eq!(judged(&[open(), guard()]), [""; 0], "a restrictive one holds for all");
    }

    #[test]
    fn a_restrictive_policy_holds_only_what_it_covers() {
        let narrow = Policy { command: Command::Select, check: None, ..guard() };
        let others = Policy { roles: vec!["somebody".into()], ..guard() };
        let everybody = Policy { roles: Vec::new(), ..open() };
        let half = Policy { using: None, ..guard() };
        assert_eq!(judged(&[open(), narrow]).len(), 1);
        assert_eq!(judged(&[open(), others]).len(), 1);
        assert_eq!(judged(&[everybody, guard()]).len(), 1);
        assert_eq!(judged(&[open(), half]).len(), 1, "what it does not say it does not hold");
    }

    #[test]
    fn one_that_is_joined_by_or_is_made_restrictive_and_keeps_its_meaning() {
        assert_eq!(
            judged(&[sound(), open()]),
            [
                "policy open on table \"invoices\" is permissive, so joined to the others by OR, and \
              does not hold rows to the tenant: run `drop policy open on \"invoices\"; create policy \
              open on \"invoices\" as restrictive for all to app using (published) with check \
              (published)`"
            ]
        );
    }

    #[test]
    fn each_way_of_being_open_is_found() {
        let through = Some("true".to_owned());
        let unchecked = Policy { check: None, ..sound() };
        let written = Policy { check: through.clone(), ..sound() };
        let every = Policy { using: through.clone(), check: through, ..sound() };
        let of_another = Policy { applies: false, ..every.clone() };
        for (policies, word) in [
            (vec![], "no policy for the connected role"),
            (vec![guard()], "no policy for the connected role"),
            (vec![unchecked], "no WITH CHECK"),
            (vec![written], "does not hold every row"),
            (vec![every], "lets every row through"),
            (vec![sound(), of_another], "lets every row through"),
        ] {
            let findings = judged(&policies);
            assert!(findings.len() == 1 && findings[0].contains(word), "{word}: {findings:?}");
        }
    }

    #[test]
    fn a_crossing_may_be_seen_but_not_written() {
        let crossing = Policy {
            using: Some("( SELECT saas.crossing() AS crossing)".into()),
            check: None,
            command: Command::Select,
            applies: false,
            ..open()
        };
        let writing = Policy { command: Command::All, ..crossing.clone() };
        assert_eq!(judged(&[sound(), crossing]), [""; 0]);
        assert_eq!(judged(&[sound(), writing]).len(), 1);
    }
}
