//! Judges a tenant's table, and each partition or child of one.

use super::role::Role;
use crate::Finding;

/// What the catalog says of one table.
#[derive(Debug)]
pub(super) struct Table {
    /// Quoted.
    pub(super) name: String,
    /// None if there is no such table.
    pub(super) oid: Option<i64>,
    /// Whether it is registered, not the partition or child of one that is.
    pub(super) registered: bool,
    pub(super) enabled: bool,
    pub(super) forced: bool,
    /// Whether the role owns it, or can become the one that does.
    pub(super) owned: bool,
    /// Whether the role, or one that it can become, may do anything with it.
    pub(super) reachable: bool,
    /// Whether the connected role itself may read it.
    pub(super) readable: bool,
    /// Who of public, the role and those that it can become holds a right that goes past policies.
    pub(super) holders: Option<String>,
    pub(super) tenant: TenantColumn,
    /// Whether an index begins with `tenant_id`.
    pub(super) tenant_index: bool,
    /// Whether it is tried as well as looked at: of the tables that schemas have by one name, one is.
    pub(super) sampled: bool,
}

/// What the catalog says of a table's `tenant_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TenantColumn {
    Missing,
    OfAnotherType,
    Nullable,
    Sound,
}

impl Table {
    /// Whether the role could go past its policies, if it had none.
    pub(super) fn is_exposed(&self) -> bool {
        self.oid.is_some() && (self.registered || self.reachable)
    }
}

pub(super) fn judge(table: &Table, role: &Role) -> Vec<Finding> {
    let name = &table.name;
    let object = || format!("table {name}");
    let sql = |problem, sql: String| Finding::sql(object(), problem, sql);
    let mut findings = Vec::new();
    if table.oid.is_none() {
        let problem = "does not exist or is not visible";
        return vec![Finding::words(object(), problem, "run the migrations")];
    }
    if table.is_exposed() && !table.enabled {
        findings.push(sql(
            if table.registered {
                "has no row-level security"
            } else {
                "is part of a tenant's table, and its parent's row-level security does not bind \
                 who names it"
            },
            format!("alter table {name} enable row level security"),
        ));
    }
    if table.owned && !table.forced && !role.superuser {
        findings.push(sql(
            "belongs to the connected role, which its policies do not bind",
            format!("alter table {name} force row level security"),
        ));
    }
    // An owner can give itself these rights back, so taking them away would say nothing.
    if let Some(holders) = table.holders.as_ref().filter(|_| !table.owned) {
        findings.push(sql(
            "may be truncated, referenced or given triggers by the connected role, past every policy",
            format!("revoke truncate, references, trigger on {name} from {holders}"),
        ));
    }
    if table.registered {
        findings.extend(judge_column(table));
    }
    findings
}

fn judge_column(table: &Table) -> Option<Finding> {
    let name = &table.name;
    let object = format!("table {name}");
    match table.tenant {
        TenantColumn::Missing => {
            Some(Finding::words(object, "has no column tenant_id", "add it, `uuid not null`"))
        }
        TenantColumn::OfAnotherType => Some(Finding::sql(
            object,
            "has a tenant_id that is no uuid",
            format!("alter table {name} alter column tenant_id type uuid using tenant_id::uuid"),
        )),
        TenantColumn::Nullable => Some(Finding::sql(
            object,
            "lets tenant_id be null",
            format!("alter table {name} alter column tenant_id set not null"),
        )),
        TenantColumn::Sound if !table.tenant_index => Some(Finding::sql(
            object,
            "has no index that begins with tenant_id",
            format!("create index on {name} (tenant_id)"),
        )),
        TenantColumn::Sound => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::role::tests::sound as app;
    use super::*;

    pub(in super::super) fn sound() -> Table {
        Table {
            name: "\"invoices\"".into(),
            oid: Some(1),
            registered: true,
            enabled: true,
            forced: true,
            owned: false,
            reachable: true,
            readable: true,
            holders: None,
            tenant: TenantColumn::Sound,
            tenant_index: true,
            sampled: true,
        }
    }

    #[test]
    fn a_sound_table_passes_and_so_does_a_partition_that_nobody_can_name() {
        assert_eq!(judge(&sound(), &app()), []);
        let hidden = Table { registered: false, enabled: false, reachable: false, ..sound() };
        assert_eq!(judge(&hidden, &app()), []);
    }

    #[test]
    fn each_fault_has_its_own_finding() {
        let faults = [
            Table { oid: None, ..sound() },
            Table { enabled: false, ..sound() },
            Table { registered: false, enabled: false, ..sound() },
            Table { owned: true, forced: false, holders: Some("\"app\"".into()), ..sound() },
            Table { holders: Some("public".into()), ..sound() },
            Table { tenant: TenantColumn::Missing, ..sound() },
            Table { tenant: TenantColumn::OfAnotherType, ..sound() },
            Table { tenant: TenantColumn::Nullable, ..sound() },
            Table { tenant_index: false, ..sound() },
        ];
        let problems: std::collections::HashSet<_> = faults
            .iter()
            .map(|fault| {
                let findings = judge(fault, &app());
                assert_eq!(findings.len(), 1, "{findings:?}");
                findings[0].problem
            })
            .collect();
        assert_eq!(problems.len(), faults.len());
    }
}
