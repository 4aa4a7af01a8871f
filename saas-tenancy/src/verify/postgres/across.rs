//! Judges the role that crosses tenants.

use crate::Finding;

/// What the catalog says of the role that `Options::across_role` names.
#[derive(Debug)]
pub(super) struct AcrossRole {
    /// Quoted.
    pub(super) name: String,
    pub(super) exists: bool,
    /// Whether the connected role may step into it; that it then gets around row-level security is
    /// judged with the connected role.
    pub(super) entered: bool,
    /// Roles that the connected one has the rights of without stepping into them, and with them this
    /// one's; itself perhaps.
    pub(super) inherited: Vec<String>,
    /// Whether a membership itself says whether it inherits, as it does from PostgreSQL 16 on.
    pub(super) inherits_by_grant: bool,
    /// Whether it may write crossings down and look for them.
    pub(super) granted: bool,
    /// Registered tables of which it would see nothing while everybody believes to see all.
    pub(super) blind: Vec<String>,
    /// Registered tables that it may write to.
    pub(super) writable: Vec<String>,
}

pub(super) fn judge(role: &AcrossRole, app: &str) -> Vec<Finding> {
    let name = &role.name;
    let object = || format!("role {name}");
    if !role.exists {
        let problem = "is named to cross tenants and does not exist";
        let sql = format!("create role {name} nologin; grant {name} to {app}");
        return vec![Finding::sql(object(), problem, sql)];
    }
    let mut findings = Vec::new();
    if !role.entered {
        let problem = "is named to cross tenants and cannot be stepped into";
        findings.push(Finding::sql(object(), problem, format!("grant {name} to {app}")));
    }
    if !role.inherited.is_empty() {
        let sql = if role.inherits_by_grant {
            let grants = role
                .inherited
                .iter()
                .map(|other| format!("grant {other} to {app} with inherit false"));
            grants.collect::<Vec<_>>().join("; ")
        } else {
            format!("alter role {app} noinherit")
        };
        let problem =
            "is inherited by the connected role, which then crosses without stepping into it";
        findings.push(Finding::sql(object(), problem, sql));
    }
    if !role.granted {
        findings.push(Finding::words(
            object(),
            "may not write a crossing down",
            "run `saas_tenancy::grant` with `Roles::across`",
        ));
    }
    findings.extend(role.blind.iter().map(|table| {
        let sql = format!(
            "grant select on {table} to {name}; create policy tenant_crossing on {table} \
             for select to {name} using ((select saas.crossing()))"
        );
        Finding::sql(format!("table {table}"), "shows nothing to who crosses tenants", sql)
    }));
    findings.extend(role.writable.iter().map(|table| {
        let sql = format!("revoke insert, update, delete, truncate on {table} from {name}");
        Finding::sql(format!("table {table}"), "may be written by who crosses tenants", sql)
    }));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> AcrossRole {
        AcrossRole {
            name: "across".into(),
            exists: true,
            entered: true,
            inherited: vec![],
            inherits_by_grant: false,
            granted: true,
            blind: vec![],
            writable: vec![],
        }
    }

    #[test]
    fn a_sound_role_passes_and_each_fault_has_its_own_finding() {
        assert_eq!(judge(&sound(), "app"), []);
        let faults = [
            AcrossRole { exists: false, entered: false, granted: false, ..sound() },
            AcrossRole { entered: false, ..sound() },
            AcrossRole { inherited: vec!["across".into()], ..sound() },
            AcrossRole { granted: false, ..sound() },
            AcrossRole { blind: vec!["invoices".into()], ..sound() },
            AcrossRole { writable: vec!["invoices".into()], ..sound() },
        ];
        let problems: std::collections::HashSet<_> = faults
            .iter()
            .map(|fault| {
                let findings = judge(fault, "app");
                assert_eq!(findings.len(), 1, "{findings:?}");
                findings[0].problem
            })
            .collect();
        assert_eq!(problems.len(), faults.len());
    }

    #[test]
    fn what_is_inherited_is_taken_away_as_the_server_can() {
        let inherited = AcrossRole { inherited: vec!["near".into(), "across".into()], ..sound() };
        let sql = |role: &AcrossRole| judge(role, "app")[0].remedy.to_string();
        assert_eq!(sql(&inherited), "run `alter role app noinherit`");
        assert_eq!(
            sql(&AcrossRole { inherits_by_grant: true, ..inherited }),
            "run `grant near to app with inherit false; grant across to app with inherit false`"
        );
    }
}
