//! Judges the connected role and its settings.

use crate::Finding;

/// What the catalog says of the connected role.
#[derive(Debug)]
pub(super) struct Role {
    /// Quoted.
    pub(super) name: String,
    pub(super) superuser: bool,
    pub(super) bypasses: bool,
    pub(super) makes_roles: bool,
    pub(super) replicates: bool,
    /// A role that gets around the wall and that this one is a member of, however far removed.
    pub(super) can_become: Option<String>,
    /// The role that logged in and stepped into this one, if it gets around the wall.
    pub(super) login: Option<String>,
}

/// A setting that is made for the connection before anybody asks it to do anything.
#[derive(Debug)]
pub(super) enum Setting {
    /// The role or the database has it.
    Stored {
        name: String,
        /// Takes it away.
        reset: String,
    },
    /// The connection itself brought it.
    Brought(String),
    /// Public, the role or one that it can become may set it.
    Settable {
        name: String,
        /// Takes the right away.
        revoke: String,
    },
}

impl Role {
    /// Whether row-level security does not apply to it, so that trying it shows nothing.
    pub(super) fn bypasses_at_all(&self) -> bool {
        self.superuser || self.bypasses
    }
}

const CREATE: &str = "connect as a role made by `create role app login nosuperuser nobypassrls`";

pub(super) fn judge(role: &Role) -> Vec<Finding> {
    let name = &role.name;
    let object = || format!("role {name}");
    let mut findings = Vec::new();
    if role.superuser {
        let problem = "is a superuser, to whom row-level security does not apply";
        return vec![Finding::words(object(), problem, CREATE)];
    }
    if role.bypasses {
        let remedy = format!("alter role {name} nobypassrls");
        findings.push(Finding::sql(object(), "has BYPASSRLS", remedy));
    }
    if let Some(login) = &role.login {
        findings.push(Finding::words(
            format!("role {login}"),
            "logged in, gets around row-level security, and is one `reset role` away",
            CREATE,
        ));
    } else if let Some(other) = &role.can_become {
        findings.push(Finding::words(
            object(),
            "can become a role that gets around the wall",
            format!("revoke {other}, or what leads to it, from {name}"),
        ));
    }
    if role.makes_roles {
        let problem = "has CREATEROLE and so can give itself other roles' rights";
        findings.push(Finding::sql(object(), problem, format!("alter role {name} nocreaterole")));
    }
    if role.replicates {
        let problem = "has REPLICATION and so can read every table's changes";
        findings.push(Finding::sql(object(), problem, format!("alter role {name} noreplication")));
    }
    findings
}

pub(super) fn judge_settings(settings: &[Setting]) -> Vec<Finding> {
    let finding = |setting: &Setting| match setting {
        Setting::Stored { name, reset } => {
            Finding::sql(format!("setting {name}"), problem(name), reset)
        }
        Setting::Settable { name, revoke } => Finding::sql(
            format!("setting {name}"),
            "may be set by the connected role, which then checks no foreign key",
            revoke,
        ),
        Setting::Brought(name) => Finding::words(
            format!("setting {name}"),
            problem(name),
            "take it out of the connection's options and what runs after connecting",
        ),
    };
    settings.iter().map(finding).collect()
}

fn problem(setting: &str) -> &'static str {
    match setting {
        "row_security" => "is off, so that every statement on a tenant's table is an error",
        "session_replication_role" => "is not `origin`, so that no foreign key is checked",
        _ => "names a tenant on connections that nobody gave one",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn sound() -> Role {
        Role {
            name: "\"app\"".into(),
            superuser: false,
            bypasses: false,
            makes_roles: false,
            replicates: false,
            can_become: None,
            login: None,
        }
    }

    #[test]
    fn a_sound_role_passes() {
        assert_eq!(judge(&sound()), []);
        assert_eq!(judge_settings(&[]), []);
    }

    #[test]
    fn each_fault_has_its_own_finding() {
        let other = || Some("\"root\"".to_owned());
        let faults = [
            Role { superuser: true, bypasses: true, can_become: other(), ..sound() },
            Role { bypasses: true, ..sound() },
            Role { makes_roles: true, ..sound() },
            Role { replicates: true, ..sound() },
            Role { can_become: other(), ..sound() },
            Role { login: other(), can_become: other(), ..sound() },
        ];
        let problems: std::collections::HashSet<_> = faults
            .iter()
            .map(|fault| {
                let findings = judge(fault);
                assert_eq!(findings.len(), 1, "{findings:?}");
                findings[0].problem
            })
            .collect();
        assert_eq!(problems.len(), faults.len());
    }
}
