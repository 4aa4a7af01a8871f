//! Judges functions and rules that touch tenants' tables with their owner's rights: by what binds
//! that owner there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::policy::{self, Policy};
use crate::Finding;

/// A way on which the connected role gets at a tenant's table as somebody else.
#[derive(Debug)]
pub(super) struct Way {
    /// Of a function with its arguments.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) reach: Reach,
}

/// What somebody's rights come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A `security definer` function that mentions the table.
    Definer,
    /// One whose names are escaped, so that it may mention any.
    HiddenDefiner,
    /// A rule on that table or view.
    Rule { on: String },
}

/// A tenant's table and who reads it.
#[derive(Debug)]
pub(super) struct Reach {
    pub(super) table: i64,
    pub(super) name: String,
    /// Whether row-level security does not apply to who reads.
    pub(super) unbound: bool,
    /// The roles that who reads is or inherits from, quoted.
    pub(super) roles: Vec<String>,
}

impl Reach {
    fn goes_past(&self, policies: &HashMap<i64, Vec<&Policy>>) -> bool {
        let own = policies.get(&self.table).map_or(&[][..], Vec::as_slice);
        self.unbound
            || policy::opens(own, |policy| {
                policy.roles.is_empty() || policy.roles.iter().any(|role| self.roles.contains(role))
            })
    }
}

/// The policies are those of each table, without what this crate's own migrations made.
pub(super) fn judge(ways: &[Way], policies: &HashMap<i64, Vec<&Policy>>) -> Vec<Finding> {
    let mut past: BTreeMap<(&Kind, &str), BTreeSet<&str>> = BTreeMap::new();
    for way in ways.iter().filter(|way| way.reach.goes_past(policies)) {
        past.entry((&way.kind, &way.name)).or_default().insert(&way.reach.name);
    }
    past.into_iter().map(|((kind, name), tables)| finding(kind, name, &tables)).collect()
}

/// How many tables are named; with a schema per tenant there may be thousands.
const NAMED: usize = 5;

fn finding(kind: &Kind, name: &str, tables: &BTreeSet<&str>) -> Finding {
    let mut touched = tables.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if tables.len() > NAMED {
        touched += &format!(" and {} more", tables.len() - NAMED);
    }
    let (object, problem, sql) = match kind {
        Kind::Definer => (
            format!("function {name}, which mentions {touched}"),
            "runs with the rights of an owner whom the wall does not bind; it may keep them if one \
             whom it binds owns it, else",
            format!("alter routine {name} security invoker"),
        ),
        Kind::HiddenDefiner => (
            format!("function {name}, which escapes names by U&\"…\""),
            "may read any table with the rights of an owner whom the wall does not bind",
            format!("alter routine {name} security invoker"),
        ),
        Kind::Rule { on } => (
            format!("rule {name} on {on}, which touches {touched}"),
            "acts with the rights of an owner whom the wall does not bind",
            format!("drop rule {name} on {on}"),
        ),
    };
    Finding::sql(object, problem, sql)
}

#[cfg(test)]
mod tests {
    use super::super::policy::tests::{open, sound};
    use super::*;

    fn way(kind: Kind, unbound: bool) -> Way {
        let reach = Reach { table: 1, name: "notes".into(), unbound, roles: vec!["app".into()] };
        Way { name: "f".into(), kind, reach }
    }

    fn judged(ways: &[Way], policies: &[Policy]) -> Vec<String> {
        let policies = HashMap::from([(1, policies.iter().collect())]);
        judge(ways, &policies).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn who_is_bound_by_the_tables_policies_reads_for_others_as_well() {
        let rule = Kind::Rule { on: "inbox".into() };
        let ways = [way(Kind::Definer, false), way(Kind::HiddenDefiner, false), way(rule, false)];
        assert_eq!(judged(&ways, &[sound()]), [""; 0]);
        assert_eq!(judged(&ways, &[sound(), open()]).len(), 3, "let in by an open one");
        let others = Policy { roles: vec!["else".into()], ..open() };
        assert_eq!(judged(&ways, &[sound(), others]), [""; 0]);
        let everybodys = Policy { roles: vec![], ..open() };
        assert_eq!(judged(&ways, &[sound(), everybodys]).len(), 3);
    }

    #[test]
    fn who_is_not_bound_is_named_once_with_what_it_touches() {
        let mut ways = vec![way(Kind::Rule { on: "inbox".into() }, true)];
        for name in 1..=7 {
            let mut definer = way(Kind::Definer, true);
            definer.reach.name = format!("t{name}");
            ways.push(definer);
        }
        let said = judged(&ways, &[]);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].starts_with("function f, which mentions t1, t2, t3, t4, t5 and 2 more runs")
        );
        assert!(said[0].ends_with("`alter routine f security invoker`"), "{}", said[0]);
        assert!(said[1].ends_with("`drop rule f on inbox`"), "{}", said[1]);
    }
}
