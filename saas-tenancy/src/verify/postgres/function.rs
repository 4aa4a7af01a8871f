//! Judges the function that the policies call.

use crate::{Finding, wall};

/// What the catalog says of `saas.tenant_id()`; none if there is no such function.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) body: String,
    /// Whether it is SQL, stable, and runs as its caller.
    pub(super) plain: bool,
    pub(super) executable: bool,
}

pub(super) fn judge(function: &Option<Function>, role: &str) -> Option<Finding> {
    let object = || "function saas.tenant_id()".to_owned();
    let Some(function) = function else {
        let remedy = "run `saas_tenancy::migrate` as the role that owns the tables";
        return Some(Finding::words(object(), "does not exist", remedy));
    };
    if !function.plain || !same(&function.body, wall::body()) {
        let make = wall::function().replacen("create function", "create or replace function", 1);
        let sql: Vec<_> = make.lines().filter(|line| !line.starts_with("--")).collect();
        return Some(Finding::sql(
            object(),
            "is not the one that was verified",
            sql.join("\n").trim_end_matches(';'),
        ));
    }
    (!function.executable).then(|| {
        let sql = format!(
            "grant usage on schema saas to {role}; \
             grant execute on function saas.tenant_id() to {role}"
        );
        Finding::sql(object(), "may not be called by the connected role", sql)
    })
}

/// Differences of spacing say nothing.
fn same(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Function {
        Function { body: wall::body().replace(' ', "\n  "), plain: true, executable: true }
    }

    #[test]
    fn the_function_of_the_migration_passes_however_it_is_spaced() {
        assert!(wall::body().contains("current_setting"), "{}", wall::body());
        assert_eq!(judge(&Some(sound()), "\"app\""), None);
    }

    #[test]
    fn any_other_is_refused() {
        let other = " select '7a0d2f3c-0000-4000-8000-000000000000'::uuid ".to_owned();
        let faults = [
            None,
            Some(Function { body: other, ..sound() }),
            Some(Function { plain: false, ..sound() }),
            Some(Function { executable: false, ..sound() }),
        ];
        for fault in faults {
            assert!(judge(&fault, "\"app\"").is_some(), "{fault:?}");
        }
    }
}
