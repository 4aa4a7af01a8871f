//! Judges what PostgreSQL's catalog says: pure, so that each refusal can be tested without a broken
//! database.

use crate::Finding;

/// What the catalog says of the connected role.
#[derive(Debug)]
pub(crate) struct RoleFacts {
    pub(crate) name: String,
    pub(crate) superuser: bool,
    pub(crate) bypasses: bool,
    /// A role with either right that this one is a member of.
    pub(crate) can_become: Option<String>,
}

/// What the catalog says of one registered table.
#[derive(Debug)]
pub(crate) struct TableFacts {
    pub(crate) name: String,
    pub(crate) exists: bool,
    pub(crate) enabled: bool,
    pub(crate) forced: bool,
    pub(crate) owned: bool,
    /// Policies that apply to the role.
    pub(crate) policies: i64,
    /// Of these, how many let every row through, to be seen or to be written.
    pub(crate) open_policies: i64,
    /// Whether an index begins with `tenant_id`.
    pub(crate) tenant_index: bool,
}

/// Judges the role.
pub(crate) fn judge_role(role: &RoleFacts) -> Vec<Finding> {
    let create = "connect as a role made by `create role app login nosuperuser nobypassrls`";
    let finding = |problem, remedy: String| Finding {
        object: format!("role \"{}\"", role.name),
        problem,
        remedy,
    };
    let mut findings = Vec::new();
    if role.superuser {
        findings.push(finding(
            "is a superuser, to whom row-level security does not apply",
            create.into(),
        ));
    }
    if role.bypasses && !role.superuser {
        findings.push(finding(
            "has BYPASSRLS",
            format!("`alter role \"{}\" nobypassrls`, or {create}", role.name),
        ));
    }
    if let Some(other) = role.can_become.as_ref().filter(|_| !role.superuser) {
        findings.push(finding(
            "can become a role that bypasses row-level security",
            format!("`revoke \"{other}\" from \"{}\"`", role.name),
        ));
    }
    findings
}

/// Judges one table.
pub(crate) fn judge_table(table: &TableFacts) -> Vec<Finding> {
    let name = &table.name;
    let finding =
        |problem, remedy: String| Finding { object: format!("table {name}"), problem, remedy };
    if !table.exists {
        return vec![finding("does not exist or is not visible", "run the migrations".into())];
    }
    let mut findings = Vec::new();
    if !table.enabled {
        findings.push(finding(
            "has no row-level security",
            format!("`alter table {name} enable row level security`"),
        ));
    }
    if table.owned && !table.forced {
        findings.push(finding(
            "belongs to the connected role, which its policies do not bind",
            format!(
                "`alter table {name} force row level security`, or better connect as another role"
            ),
        ));
    }
    if table.policies == 0 {
        findings.push(finding(
            "has no policy for the connected role, which then sees nothing",
            "create the policy that `saas_tenancy::wall` prints".into(),
        ));
    }
    if table.open_policies > 0 {
        findings.push(finding(
            "has a policy that lets every row through",
            "drop it, and create the one that `saas_tenancy::wall` prints".into(),
        ));
    }
    if !table.tenant_index {
        findings.push(finding(
            "has no index that begins with tenant_id",
            "make its primary key (tenant_id, id)".into(),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> TableFacts {
        TableFacts {
            name: "\"invoices\"".into(),
            exists: true,
            enabled: true,
            forced: true,
            owned: false,
            policies: 1,
            open_policies: 0,
            tenant_index: true,
        }
    }

    #[test]
    fn a_sound_role_and_table_pass() {
        let role =
            RoleFacts { name: "app".into(), superuser: false, bypasses: false, can_become: None };
        assert_eq!(judge_role(&role), []);
        assert_eq!(judge_table(&sound()), []);
    }

    #[test]
    fn each_fault_has_its_own_finding() {
        let faults = [
            TableFacts { exists: false, ..sound() },
            TableFacts { enabled: false, ..sound() },
            TableFacts { owned: true, forced: false, ..sound() },
            TableFacts { policies: 0, ..sound() },
            TableFacts { open_policies: 1, ..sound() },
            TableFacts { tenant_index: false, ..sound() },
        ];
        let problems: std::collections::HashSet<_> = faults
            .iter()
            .map(|fault| {
                let findings = judge_table(fault);
                assert_eq!(findings.len(), 1, "{findings:?}");
                findings[0].problem
            })
            .collect();
        assert_eq!(problems.len(), faults.len());
    }
}
