//! Judges a tenant's table and the foreign keys to it.

use saas_core::schema::quoted;

use crate::{Finding, wall};

/// What SQLite says of one table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: Vec<Column>,
    pub(super) indexes: Vec<Index>,
    /// The statements that made its triggers.
    pub(super) triggers: Vec<String>,
}

/// A column; none at all means that there is no table.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) nullable: bool,
    /// Its place in the primary key, from 1; 0 if it is not in it.
    pub(super) key: i64,
}

/// An index, a unique constraint, or the primary key of a table without rowid.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) unique: bool,
    /// Whether `create index` made it; otherwise the table itself did.
    pub(super) created: bool,
    pub(super) partial: bool,
    /// Its columns; none for an expression.
    pub(super) columns: Vec<Option<String>>,
}

/// A foreign key of any table.
#[derive(Debug)]
pub(super) struct ForeignKey {
    pub(super) child: String,
    pub(super) parent: String,
    /// The child's columns, and where each points; without a name to the parent's primary key.
    pub(super) columns: Vec<(String, Option<String>)>,
}

const AGAIN: &str = "make the table again as `saas_core::schema::table` prints it";

pub(super) fn judge(table: &Table) -> Vec<Finding> {
    let name = quoted(table.name).to_string();
    let object = || format!("table {name}");
    if table.columns.is_empty() {
        return vec![Finding::words(object(), "does not exist", "run the migrations")];
    }
    let words = |problem| Finding::words(object(), problem, AGAIN);
    let Some(tenant) = table.columns.iter().find(|column| column.name == "tenant_id") else {
        return vec![words("has no column tenant_id")];
    };
    let mut findings = Vec::new();
    if tenant.nullable {
        findings.push(words("lets tenant_id be null"));
    }
    if tenant.key == 0 && table.columns.iter().any(|column| column.key > 0) {
        findings.push(words("has a primary key without tenant_id"));
    }
    let begins = |index: &Index| index.columns.first().is_some_and(is_tenant);
    if tenant.key != 1 && !table.indexes.iter().any(|index| begins(index) && !index.partial) {
        findings.push(Finding::sql(
            object(),
            "has no index that begins with tenant_id",
            format!(
                "create index {} on {name} (tenant_id)",
                quoted(&format!("{}_tenant_idx", table.name))
            ),
        ));
    }
    findings.extend(table.indexes.iter().filter_map(|index| judge_index(&name, index)));
    for guard in wall::triggers(table.name) {
        if !table.triggers.iter().any(|trigger| same(trigger, &guard.create())) {
            findings.push(Finding::sql(
                format!("trigger \"{}\" on table {name}", guard.name),
                "is missing or another than the guard that raw SQL needs",
                format!(
                    "drop trigger if exists {}; {}",
                    quoted(&guard.name),
                    guard.create().trim_end()
                ),
            ));
        }
    }
    findings
}

fn is_tenant(column: &Option<String>) -> bool {
    column.as_deref() == Some("tenant_id")
}

/// A primary key is judged by its columns.
fn judge_index(table: &str, index: &Index) -> Option<Finding> {
    if !index.unique || index.columns.iter().any(is_tenant) {
        return None;
    }
    let object = format!("key \"{}\" on table {table}", index.name);
    let problem = "leaves the tenant out, so a collision tells what another tenant has";
    let columns: Option<Vec<_>> = index.columns.iter().cloned().collect();
    Some(match columns {
        Some(columns) if index.created && !index.partial => {
            let columns: Vec<_> = columns.iter().map(|name| quoted(name).to_string()).collect();
            let (name, columns) = (quoted(&index.name), columns.join(", "));
            Finding::sql(
                object,
                problem,
                format!(
                    "drop index {name}; create unique index {name} on {table} (tenant_id, {columns})"
                ),
            )
        }
        _ => Finding::words(object, problem, "make it again with tenant_id as its first column"),
    })
}

/// Whether a key to a tenant's table carries the tenant, from a tenant's table.
pub(super) fn judge_foreign(key: &ForeignKey, tenants: &[&str]) -> Option<Finding> {
    let ForeignKey { child, parent, columns } = key;
    // Names are found whatever their case.
    let is_tenants = |name: &str| tenants.iter().any(|table| table.eq_ignore_ascii_case(name));
    let with_tenant = columns.iter().any(|(own, other)| {
        own == "tenant_id" && other.as_deref().is_none_or(|other| other == "tenant_id")
    });
    if !is_tenants(parent) || with_tenant {
        return None;
    }
    let names: Vec<_> = columns.iter().map(|(own, _)| own.as_str()).collect();
    let object = format!("foreign key ({}) on table \"{child}\"", names.join(", "));
    Some(if is_tenants(child) {
        let problem = "leaves the tenant out, so it accepts another tenant's row";
        Finding::words(object, problem, AGAIN)
    } else {
        Finding::words(
            object,
            "points to a tenant's rows from a table that is no registered tenant's",
            format!("give \"{child}\" a tenant_id and register it, or make it again without"),
        )
    })
}

/// SQLite keeps the text of what was created but for its first words, which it writes in capitals.
pub(super) fn same(stored: &str, written: &str) -> bool {
    let words = |text: &str| {
        let text = text.trim().trim_end_matches(';').to_lowercase();
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    words(stored) == words(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Table {
        let column = |name: &str, key| Column { name: name.into(), nullable: false, key };
        Table {
            name: "invoices",
            columns: vec![column("tenant_id", 1), column("id", 2)],
            indexes: vec![index(&["tenant_id", "number"])],
            triggers: wall::triggers("invoices")
                .map(|guard| guard.create().replacen("create trigger", "CREATE TRIGGER", 1))
                .into(),
        }
    }

    fn index(columns: &[&str]) -> Index {
        Index {
            name: "i".into(),
            unique: true,
            created: true,
            partial: false,
            columns: columns.iter().map(|name| Some((*name).to_owned())).collect(),
        }
    }

    #[test]
    fn a_sound_table_passes() {
        assert_eq!(judge(&sound()), []);
    }

    #[test]
    fn each_fault_has_its_own_finding() {
        let mut nullable = sound();
        nullable.columns[0].nullable = true;
        let mut keyless = sound();
        keyless.columns[0].key = 0;
        let mut unled = sound();
        (unled.columns[0].key, unled.indexes) = (2, vec![]);
        let mut other_guard = sound();
        other_guard.triggers[1] = other_guard.triggers[1].replace("is not", "is");
        let faults = [
            (Table { columns: vec![], ..sound() }, "does not exist"),
            (Table { columns: sound().columns.split_off(1), ..sound() }, "no column tenant_id"),
            (nullable, "null"),
            (keyless, "primary key without tenant_id"),
            (unled, "no index that begins with tenant_id"),
            (Table { indexes: vec![index(&["number"])], ..sound() }, "leaves the tenant out"),
            (other_guard, "is missing or another"),
        ];
        for (fault, word) in faults {
            let findings = judge(&fault);
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert!(findings[0].problem.contains(word), "{findings:?}");
        }
    }

    #[test]
    fn a_foreign_key_carries_the_tenant_and_comes_from_a_tenants_table() {
        let key = |child: &str, columns: &[(&str, Option<&str>)]| ForeignKey {
            child: child.into(),
            parent: "Customers".into(),
            columns: columns
                .iter()
                .map(|(own, other)| ((*own).to_owned(), other.map(str::to_owned)))
                .collect(),
        };
        let judged = |key: &ForeignKey| {
            judge_foreign(key, &["customers", "notes"]).map(|finding| finding.problem)
        };
        let both = key("notes", &[("tenant_id", Some("tenant_id")), ("customer_id", Some("id"))]);
        let implied = key("notes", &[("tenant_id", None), ("customer_id", None)]);
        let single = key("notes", &[("customer_id", Some("id"))]);
        let crossed =
            key("notes", &[("tenant_id", Some("id")), ("customer_id", Some("tenant_id"))]);
        let stranger = key("log", &[("customer_id", Some("id"))]);
        assert_eq!((judged(&both), judged(&implied)), (None, None));
        assert!(judged(&single).unwrap().contains("accepts another tenant's row"));
        assert!(judged(&crossed).is_some());
        assert!(judged(&stranger).unwrap().contains("no registered tenant's"));
    }
}
