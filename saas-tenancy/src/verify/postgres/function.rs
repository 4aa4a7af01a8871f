//! Judges this crate's own functions: what the policies call, and what writes a crossing down.

use super::role::Role;
use super::shipped::{CROSS, CROSSING, Shipped, TENANT_ID};
use crate::Finding;

/// What the catalog says of one; nothing if there is no such function.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) body: String,
    pub(super) language: String,
    /// `i`, `s` or `v`.
    pub(super) volatility: String,
    pub(super) definer: bool,
    /// Each `name=value`.
    pub(super) settings: Vec<String>,
    /// Whether the connected role may call it.
    pub(super) executable: bool,
    /// Whether the connected role owns it, or can become who does.
    pub(super) owned: bool,
    /// Which of public and the connected role were granted it by name.
    pub(super) holders: Option<String>,
}

/// The functions in the order in which they are judged.
pub(super) const ASKED: [Shipped; 3] = [TENANT_ID, CROSSING, CROSS];

pub(super) fn judge(functions: &[Option<Function>], role: &Role) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (shipped, function) in ASKED.iter().zip(functions) {
        findings.extend(judge_one(shipped, function.as_ref(), &role.name));
    }
    let owned = functions.iter().flatten().any(|function| function.owned);
    if owned && !role.bypasses_at_all() {
        findings.push(Finding::words(
            format!("role {}", role.name),
            "owns the functions that the wall is made of, or can become who does",
            "connect as a role that owns nothing, and let another one migrate",
        ));
    }
    findings
}

fn judge_one(shipped: &Shipped, function: Option<&Function>, role: &str) -> Option<Finding> {
    let object = || format!("function {}", shipped.name);
    let Some(function) = function else {
        let remedy = "run `saas_tenancy::migrate` as the role that owns the tables";
        return Some(Finding::words(object(), "does not exist", remedy));
    };
    if !is_as_shipped(shipped, function) {
        let problem = "is not the one that was verified";
        return Some(Finding::sql(object(), problem, shipped.replace()));
    }
    if shipped.name == TENANT_ID.name {
        return (!function.executable).then(|| {
            let sql = format!(
                "grant usage on schema saas to {role}; \
                 grant execute on function saas.tenant_id() to {role}"
            );
            Finding::sql(object(), "may not be called by the connected role", sql)
        });
    }
    let holders = function.holders.as_ref()?;
    Some(Finding::sql(
        object(),
        "may be called by the connected role itself, without stepping into the one that crosses",
        format!("revoke execute on function {} from {holders}", shipped.name),
    ))
}

/// Differences of spacing say nothing.
fn is_as_shipped(shipped: &Shipped, function: &Function) -> bool {
    function.body.split_whitespace().eq(shipped.body().split_whitespace())
        && function.language == "sql"
        && function.volatility == shipped.volatility()
        && function.definer == shipped.is_definer()
        && function.settings == shipped.settings()
}

#[cfg(test)]
mod tests {
    use super::super::role::tests::sound as app;
    use super::*;

    fn sound(shipped: &Shipped) -> Function {
        Function {
            body: shipped.body().replace(' ', "\n  "),
            language: "sql".into(),
            volatility: shipped.volatility().into(),
            definer: shipped.is_definer(),
            settings: shipped.settings(),
            executable: true,
            owned: false,
            holders: None,
        }
    }

    #[test]
    fn the_functions_of_the_migration_pass_however_they_are_spaced() {
        let functions: Vec<_> = ASKED.iter().map(|shipped| Some(sound(shipped))).collect();
        assert_eq!(judge(&functions, &app()), []);
    }

    #[test]
    fn whatever_differs_is_refused() {
        for shipped in ASKED {
            let ours = || sound(&shipped);
            let setting = || vec!["app.tenant_id=7a0d2f3c-0000-4000-8000-000000000000".to_owned()];
            let faults = [
                None,
                Some(Function { body: " select true ".to_owned(), ..ours() }),
                Some(Function { language: "plpgsql".into(), ..ours() }),
                Some(Function { volatility: "i".into(), ..ours() }),
                Some(Function { definer: !shipped.is_definer(), ..ours() }),
                Some(Function { settings: setting(), ..ours() }),
            ];
            for fault in &faults {
                assert!(judge_one(&shipped, fault.as_ref(), "\"app\"").is_some(), "{fault:?}");
            }
        }
    }

    #[test]
    fn one_is_to_be_called_by_the_application_and_the_others_are_not_nor_does_it_own_any() {
        let hidden = Function { executable: false, ..sound(&TENANT_ID) };
        assert!(judge_one(&TENANT_ID, Some(&hidden), "\"app\"").is_some());
        let hidden = Function { executable: false, ..sound(&CROSS) };
        assert_eq!(judge_one(&CROSS, Some(&hidden), "\"app\""), None);
        let granted = Function { holders: Some("public".into()), ..sound(&CROSS) };
        let finding = judge_one(&CROSS, Some(&granted), "\"app\"").unwrap().to_string();
        assert!(finding.ends_with("timestamptz) from public`"), "{finding}");
        let owned = Function { owned: true, ..sound(&CROSS) };
        assert_eq!(judge(&[None, None, Some(owned)], &app()).len(), 3);
    }
}
