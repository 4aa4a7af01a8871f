//! What this crate's own migrations make, to compare a database with: read from their text, so that
//! the two cannot come to differ.

use crate::wall;

const TENANT: &str = include_str!("../../../migrations/postgres/0001_tenant_id.sql");
const AUDIT: &str = include_str!("../../../migrations/postgres/0002_audit.sql");

/// A function of this crate's.
#[derive(Debug)]
pub(super) struct Shipped {
    /// With the types of its arguments, as the migration says them.
    pub(super) name: &'static str,
    migration: &'static str,
}

pub(super) const TENANT_ID: Shipped = Shipped { name: "saas.tenant_id()", migration: TENANT };
pub(super) const CROSSING: Shipped = Shipped { name: "saas.crossing()", migration: AUDIT };
pub(super) const CROSS: Shipped =
    Shipped { name: "saas.cross(uuid, text, text, timestamptz)", migration: AUDIT };

impl Shipped {
    /// The statement that makes it, whether it is there or not.
    pub(super) fn replace(&self) -> String {
        self.statement().replacen("create function", "create or replace function", 1)
    }

    /// What stands between the dollar quotes.
    pub(super) fn body(&self) -> &'static str {
        self.statement().split("$$").nth(1).unwrap_or_default()
    }

    /// `s` or `v`, as the catalog has it.
    pub(super) fn volatility(&self) -> &'static str {
        if self.head().contains(" stable") { "s" } else { "v" }
    }

    pub(super) fn is_definer(&self) -> bool {
        self.head().contains(" security definer")
    }

    /// Its settings as the catalog has them.
    pub(super) fn settings(&self) -> Vec<String> {
        let lines = self.head().lines().filter_map(|line| line.trim().strip_prefix("set "));
        lines.map(|setting| setting.trim().replacen(" = ", "=", 1)).collect()
    }

    fn statement(&self) -> &'static str {
        let begin = format!("create function {} ", self.name);
        let from = self.migration.find(&begin).map_or("", |place| &self.migration[place..]);
        from.find("$$;").map_or("", |end| &from[..end + 2])
    }

    fn head(&self) -> &'static str {
        self.statement().split("$$").next().unwrap_or_default()
    }
}

/// A policy of one of this crate's tables, its expressions as PostgreSQL prints them.
#[derive(Debug)]
pub(super) struct ShippedPolicy {
    pub(super) name: &'static str,
    /// Whether it is for inserting, by the table's owner, instead of for all and everybody.
    pub(super) owners: bool,
    pub(super) using: Option<&'static str>,
    pub(super) check: &'static str,
}

const OURS: &str = "(tenant_id = ( SELECT saas.tenant_id() AS tenant_id))";

const ISOLATION: ShippedPolicy =
    ShippedPolicy { name: "tenant_isolation", owners: false, using: Some(OURS), check: OURS };

const NOBODYS: ShippedPolicy = ShippedPolicy {
    name: "nobodys",
    owners: false,
    using: Some("((tenant_id IS NULL) AND (( SELECT saas.tenant_id() AS tenant_id) IS NULL))"),
    check: "((tenant_id IS NULL) AND (( SELECT saas.tenant_id() AS tenant_id) IS NULL) AND \
            (action <> 'crossing'::text))",
};

const CROSSINGS: ShippedPolicy = ShippedPolicy {
    name: "crossings",
    owners: true,
    using: None,
    check: "((tenant_id IS NULL) AND (action = 'crossing'::text))",
};

/// The tables, each with its policies; those without belong to nobody in particular.
pub(super) const TABLES: [(&str, &[ShippedPolicy]); 7] = [
    ("audit", &[ISOLATION, NOBODYS, CROSSINGS]),
    ("settings", &[ISOLATION]),
    ("tenant_steps", &[ISOLATION]),
    ("transfers", &[ISOLATION]),
    ("tenants", &[]),
    ("tenant_domains", &[]),
    ("schemas", &[]),
];

/// What `grant` gives the application's role on a table: each right, and the columns it is for if
/// it is not for all.
fn rights(table: &str) -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    let of_table = wall::APP_GRANTS.iter().filter(move |grant| is_on(grant, table));
    of_table.flat_map(|grant| {
        let rights = grant.strip_prefix("grant ").and_then(|rest| rest.split_once(" on "));
        let rights = rights.map_or("", |(rights, _)| rights);
        // Columns stand behind the last right.
        let (words, columns) = match rights.split_once(" (") {
            Some((words, columns)) => (words, Some(columns.trim_end_matches(')'))),
            None => (rights, None),
        };
        let last = words.rsplit(", ").next().unwrap_or_default();
        words.split(", ").map(move |right| (right, columns.filter(|_| right == last)))
    })
}

fn is_on(grant: &str, table: &str) -> bool {
    let tables = grant.split_once(" on ").and_then(|(_, rest)| rest.strip_suffix(" to :role"));
    tables.is_some_and(|tables| {
        tables.split(", ").any(|name| name.strip_prefix("saas.") == Some(table))
    })
}

/// Whether `grant` gives that right on the table, or on the column.
pub(super) fn gives(table: &str, right: &str, column: Option<&str>) -> bool {
    rights(table).any(|(given, columns)| {
        given.eq_ignore_ascii_case(right)
            && columns.is_none_or(|given| {
                column.is_some_and(|column| given.split(", ").any(|name| name == column))
            })
    })
}

/// The statements of `grant` about a table.
pub(super) fn grants(table: &str, role: &str) -> String {
    let of_table = wall::APP_GRANTS.iter().filter(|grant| is_on(grant, table));
    of_table.map(|grant| format!("; {}", grant.replace(":role", role))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_migrations_say_of_a_function_is_read_from_them() {
        let facts = |function: &Shipped| {
            (function.volatility(), function.is_definer(), function.settings())
        };
        assert_eq!(facts(&TENANT_ID), ("s", false, vec![]));
        assert_eq!(facts(&CROSSING), ("s", false, vec![]));
        assert_eq!(facts(&CROSS), ("v", true, vec!["search_path=pg_catalog, pg_temp".to_owned()]));
        assert!(TENANT_ID.body().contains("current_setting('app.tenant_id', true)"));
        assert!(CROSS.body().starts_with(" insert into saas.audit"), "{}", CROSS.body());
        assert!(CROSSING.body().trim().ends_with("a.xmin = a.xact::xid)"), "{}", CROSSING.body());
        assert!(CROSSING.replace().starts_with("create or replace function saas.crossing() "));
        assert!(CROSSING.replace().ends_with("$$"));
    }

    #[test]
    fn a_right_is_given_as_far_as_grant_gives_it() {
        assert!(gives("settings", "DELETE", None) && gives("settings", "DELETE", Some("value")));
        assert!(gives("audit", "SELECT", None) && gives("audit", "INSERT", Some("change")));
        assert!(!gives("audit", "INSERT", None) && !gives("audit", "INSERT", Some("xact")));
        assert!(!gives("audit", "UPDATE", None) && !gives("tenant_steps", "DELETE", None));
        assert!(rights("schemas").next().is_none() && rights("saas").next().is_none());
        assert!(grants("audit", "\"app\"").ends_with("at) on saas.audit to \"app\""));
    }

    /// A policy that is made, and not known here, would be refused as a stranger's.
    #[test]
    fn every_policy_of_the_migrations_is_known() {
        let known = TABLES.iter().map(|(_, policies)| policies.len()).sum::<usize>();
        let all = [
            AUDIT,
            include_str!("../../../migrations/postgres/0003_settings.sql"),
            include_str!("../../../migrations/postgres/0004_tenants.sql"),
            include_str!("../../../migrations/postgres/0005_transfers.sql"),
            include_str!("../../../migrations/postgres/0006_schemas.sql"),
        ];
        let made = |what: &str| all.iter().map(|text| text.matches(what).count()).sum::<usize>();
        assert_eq!(made("create policy"), known);
        assert_eq!(made("create table saas."), TABLES.len());
    }
}
