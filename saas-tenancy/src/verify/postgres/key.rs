//! Judges foreign keys to tenants' tables and the keys of those tables.

use super::policy::{self, Policy};
use crate::Finding;

/// A foreign key to a tenant's table that leaves the tenant out.
///
/// PostgreSQL checks foreign keys past row-level security: without the tenant in it, such a key both
/// accepts another tenant's row as a parent and tells whether it exists.
#[derive(Debug)]
pub(super) struct ForeignKey {
    pub(super) name: String,
    pub(super) child: String,
    /// None if the child is a registered tenant's table.
    pub(super) stranger: Option<Stranger>,
    /// Whether it compares the tenants.
    pub(super) with_tenant: bool,
    pub(super) columns: Vec<String>,
    pub(super) parent: String,
    pub(super) parent_columns: Vec<String>,
    /// Whether the parent has a unique key of the tenant and these columns.
    pub(super) parent_has_key: bool,
    /// What stands behind the columns: actions and deferral.
    pub(super) suffix: String,
}

/// A child that is no registered tenant's table.
#[derive(Debug)]
pub(super) struct Stranger {
    pub(super) oid: i64,
    /// Whether public, the role or one that it can become may write the columns of the key.
    pub(super) writable: bool,
    /// Whether policies bind them there, if they hold.
    pub(super) bound: bool,
}

impl ForeignKey {
    /// The child, if what a tenant writes there is told apart only by policies of its own.
    pub(super) fn asks(&self) -> Option<i64> {
        let child = self.stranger.as_ref().filter(|child| child.writable && child.bound)?;
        self.with_tenant.then_some(child.oid)
    }
}

/// A table on which constraints are not checked, since their triggers are disabled.
#[derive(Debug)]
pub(super) struct Unchecked {
    pub(super) table: String,
    pub(super) triggers: Vec<String>,
}

/// A unique key of a tenant's table that leaves the tenant out: a collision tells a tenant what
/// another has.
#[derive(Debug)]
pub(super) struct UniqueKey {
    pub(super) table: String,
    /// The index, qualified.
    pub(super) index: String,
    /// The constraint, if it is one.
    pub(super) constraint: Option<String>,
    pub(super) kind: Kind,
    /// What it is on: columns and expressions.
    pub(super) columns: Vec<String>,
    /// The condition of a partial index.
    pub(super) condition: Option<String>,
}

/// How a unique key was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Primary,
    Unique,
    Exclusion,
}

pub(super) fn judge_unchecked(unchecked: &Unchecked) -> Finding {
    let table = &unchecked.table;
    let enable = unchecked.triggers.iter().map(|trigger| format!("enable trigger {trigger}"));
    Finding::sql(
        format!("table {table}"),
        "has constraints that are not checked, since their triggers are disabled",
        format!("alter table {table} {}", enable.collect::<Vec<_>>().join(", ")),
    )
}

/// With the policies of the child if it [asks](ForeignKey::asks) for them.
pub(super) fn judge_foreign(key: &ForeignKey, of_child: &[&Policy]) -> Option<Finding> {
    match &key.stranger {
        Some(child) if key.with_tenant => {
            let writes = |policy: &Policy| policy.could_apply && policy.command.has_check();
            let held = child.bound && !policy::opens(of_child, writes);
            (child.writable && !held).then(|| oracle(key))
        }
        _ => Some(judge_single(key)),
    }
}

/// Whoever writes a reference with another's tenant in it is told whether the row is there.
fn oracle(key: &ForeignKey) -> Finding {
    let ForeignKey { name, child, .. } = key;
    Finding::words(
        format!("foreign key {name} on table {child}"),
        "tells who writes there which rows other tenants have, for no wall holds them to their own",
        format!(
            "register {child} and give it the wall that `saas_tenancy::wall` prints, or revoke \
             insert and update on it"
        ),
    )
}

fn judge_single(key: &ForeignKey) -> Finding {
    let ForeignKey { name, child, parent, .. } = key;
    let object = format!("foreign key {name} on table {child}");
    if key.stranger.is_some() {
        return Finding::words(
            object,
            "points to a tenant's rows from a table that is no registered tenant's",
            format!("give {child} a tenant_id and register it, or drop the constraint"),
        );
    }
    let (columns, parents) = (key.columns.join(", "), key.parent_columns.join(", "));
    // A tenant must not become null with the reference.
    let suffix = if key.suffix.contains("SET NULL (") {
        key.suffix.clone()
    } else {
        key.suffix.replace("ON DELETE SET NULL", &format!("ON DELETE SET NULL ({columns})"))
    };
    let unique = if key.parent_has_key {
        String::new()
    } else {
        format!("alter table {parent} add unique (tenant_id, {parents}); ")
    };
    Finding::sql(
        object,
        "leaves the tenant out, so it accepts another tenant's row",
        format!(
            "{unique}alter table {child} drop constraint {name}, add constraint {name} \
             foreign key (tenant_id, {columns}) references {parent} (tenant_id, {parents}){suffix}"
        ),
    )
}

pub(super) fn judge_unique(key: &UniqueKey) -> Finding {
    let UniqueKey { table, index, .. } = key;
    let columns = key.columns.join(", ");
    let name = key.constraint.as_ref().unwrap_or(index);
    let object = format!("key {name} on table {table}");
    let problem = "leaves the tenant out, so a collision tells what another tenant has";
    match (key.kind, &key.constraint) {
        (Kind::Primary, Some(name)) => Finding::sql(
            object,
            "is a primary key without tenant_id",
            format!(
                "alter table {table} drop constraint {name}, add constraint {name} \
                 primary key (tenant_id, {columns})"
            ),
        ),
        (Kind::Unique, Some(name)) => Finding::sql(
            object,
            problem,
            format!(
                "alter table {table} drop constraint {name}, add constraint {name} \
                 unique (tenant_id, {columns})"
            ),
        ),
        (Kind::Exclusion, _) => {
            Finding::words(object, problem, "make it again with `tenant_id with =` in it")
        }
        (_, None) => {
            let only = key.condition.as_ref().map(|text| format!(" where {text}"));
            Finding::sql(
                object,
                problem,
                format!(
                    "drop index {index}; create unique index on {table} (tenant_id, {columns}){}",
                    only.unwrap_or_default()
                ),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::policy::tests::{open, sound};
    use super::*;

    fn foreign() -> ForeignKey {
        ForeignKey {
            name: "fk".into(),
            child: "notes".into(),
            stranger: None,
            with_tenant: false,
            columns: vec!["customer_id".into()],
            parent: "customers".into(),
            parent_columns: vec!["id".into()],
            parent_has_key: false,
            suffix: " ON DELETE SET NULL".into(),
        }
    }

    #[test]
    fn a_foreign_key_is_made_again_with_the_tenant_which_never_becomes_null() {
        assert_eq!(
            judge_foreign(&foreign(), &[]).unwrap().remedy.to_string(),
            "run `alter table customers add unique (tenant_id, id); alter table notes drop \
             constraint fk, add constraint fk foreign key (tenant_id, customer_id) references \
             customers (tenant_id, id) ON DELETE SET NULL (customer_id)`"
        );
        let already =
            ForeignKey { suffix: " ON DELETE SET NULL (customer_id)".into(), ..foreign() };
        let sql = judge_foreign(&already, &[]).unwrap().remedy.to_string();
        assert!(sql.ends_with(" ON DELETE SET NULL (customer_id)`"), "{sql}");
    }

    #[test]
    fn a_strangers_key_with_the_tenant_tells_nothing_to_whom_its_policies_hold_or_who_cannot_write()
    {
        let key = |writable, bound| ForeignKey {
            stranger: Some(Stranger { oid: 1, writable, bound }),
            with_tenant: true,
            ..foreign()
        };
        let (ours, theirs) = (sound(), open());
        let tells = |key: &ForeignKey, policies: &[&Policy]| judge_foreign(key, policies).is_some();
        assert!(tells(&key(true, false), &[&ours]) && tells(&key(true, true), &[&ours, &theirs]));
        assert!(!tells(&key(true, true), &[&ours]) && !tells(&key(false, false), &[]));
        assert_eq!((key(true, true).asks(), key(false, true).asks()), (Some(1), None));
        assert!(tells(&ForeignKey { with_tenant: false, ..key(false, false) }, &[]));
    }

    #[test]
    fn a_partial_unique_index_keeps_its_condition() {
        let key = UniqueKey {
            table: "customers".into(),
            index: "public.mail".into(),
            constraint: None,
            kind: Kind::Unique,
            columns: vec!["lower(email)".into()],
            condition: Some("(deleted_at IS NULL)".into()),
        };
        assert_eq!(
            judge_unique(&key).remedy.to_string(),
            "run `drop index public.mail; create unique index on customers (tenant_id, \
             lower(email)) where (deleted_at IS NULL)`"
        );
    }
}
