//! Judges this crate's own tables, and the triggers that keep what is in them.

use saas_core::schema::identifier;

use super::table::same;
use crate::{Finding, migrations};

/// A table, index or trigger that SQLite holds.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) kind: String,
    pub(super) name: String,
    /// The table that it is, or belongs to.
    pub(super) table: String,
    /// The statement that made it.
    pub(super) sql: String,
}

/// The same as the migrations write it.
#[derive(Debug, Clone)]
struct Written {
    kind: &'static str,
    name: &'static str,
    table: &'static str,
    sql: &'static str,
}

pub(super) fn judge(stored: &[Stored]) -> Vec<Finding> {
    let written: Vec<Written> = written().collect();
    let find = |own: &Written| stored.iter().find(|stored| own.names(&stored.name));
    if !written.iter().any(|own| find(own).is_some()) {
        return vec![Finding::words(
            "this crate's own tables".into(),
            "do not exist",
            "run `saas_tenancy::migrate`",
        )];
    }
    // What belongs to a table that has to be made again comes with it.
    let tables: Vec<_> = written.iter().filter(|own| own.kind == "table").collect();
    let another = |table: &Written| find(table).is_some_and(|stored| !table.made(stored));
    let another: Vec<_> =
        tables.iter().filter(|table| another(table)).map(|own| own.name).collect();
    let judged = written.iter().filter(|own| own.kind == "table" || !another.contains(&own.table));
    let changed = judged.filter_map(|own| own.judge(find(own)));
    let strange = stored.iter().filter(|stored| {
        stored.kind == "trigger"
            && tables.iter().any(|own| own.names(&stored.table))
            && !written.iter().any(|own| own.names(&stored.name))
    });
    let strange = strange.map(|stored| {
        Finding::sql(
            format!("trigger {} on table \"{}\"", identifier(&stored.name), stored.table),
            "is none of this crate's, on one of its own tables",
            format!("drop trigger {}", identifier(&stored.name)),
        )
    });
    changed.chain(strange).collect()
}

impl Written {
    /// Names are found whatever their case.
    fn names(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn made(&self, stored: &Stored) -> bool {
        same(&stored.sql, self.sql)
    }

    fn judge(&self, stored: Option<&Stored>) -> Option<Finding> {
        let Self { kind, name, sql, .. } = self;
        let object = format!("{kind} \"{name}\"");
        let problem = match stored {
            Some(stored) if self.made(stored) => return None,
            Some(_) => "is another than `saas_tenancy::migrate` makes",
            None => "is missing",
        };
        // A connection that has not yet seen what another did believes that a name is taken, unless it
        // is asked first.
        Some(match (*kind, stored) {
            ("table", Some(_)) => Finding::words(
                object,
                problem,
                format!("make it again, with its rows, indexes and triggers: `{sql}`"),
            ),
            ("table", None) => {
                let make = sql.replacen("create table", "create table if not exists", 1);
                Finding::sql(object, problem, make)
            }
            _ => Finding::sql(object, problem, format!("drop {kind} if exists {name}; {sql}")),
        })
    }
}

/// Everything that the migrations make, in their order.
fn written() -> impl Iterator<Item = Written> {
    migrations::SQLITE_STEPS.iter().flat_map(|(_, text)| statements(text)).filter_map(|sql| {
        let mut words = sql.split_whitespace();
        let kinds = ["table", "index", "trigger"];
        let kind = words.find_map(|word| kinds.into_iter().find(|kind| *kind == word))?;
        let name = words.next()?;
        let table =
            if kind == "table" { name } else { words.skip_while(|word| *word != "on").nth(1)? };
        Some(Written { kind, name, table, sql })
    })
}

/// The statements of a migration: each begins in the first column, as do the comments between them,
/// and what is inside of it does not.
fn statements(text: &'static str) -> impl Iterator<Item = &'static str> {
    let begins = |at: &usize| *at == 0 || text.as_bytes()[at - 1] == b'\n';
    let starts: Vec<usize> =
        text.match_indices("create ").map(|(at, _)| at).filter(begins).collect();
    let ends: Vec<usize> = starts.iter().copied().skip(1).chain([text.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| {
        let statement = &text[start..end];
        let comment = statement.find("\n--").unwrap_or(statement.len());
        statement[..comment].trim_end().trim_end_matches(';')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Vec<Stored> {
        let stored = |own: Written| Stored {
            kind: own.kind.into(),
            name: own.name.into(),
            table: own.table.into(),
            sql: own.sql.replacen("create", "CREATE", 1),
        };
        written().map(stored).collect()
    }

    fn texts(stored: &[Stored]) -> Vec<String> {
        judge(stored).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_statement_of_the_migrations_is_found_whole() {
        let created: usize = migrations::SQLITE_STEPS
            .iter()
            .map(|(_, text)| text.matches("\ncreate ").count())
            .sum();
        let written: Vec<_> = written().collect();
        assert_eq!(written.len(), created);
        let one = |name: &str| written.iter().find(|own| own.name == name).unwrap();
        assert!(one("saas_audit_replace").sql.ends_with("is not replaced');\nend"));
        assert!(one("saas_schemas").sql.ends_with("without rowid"));
        let tables: Vec<_> = written.iter().filter(|own| own.kind == "table").collect();
        assert!(written.iter().all(|own| tables.iter().any(|table| table.name == own.table)));
    }

    #[test]
    fn what_the_migrations_made_passes_and_each_fault_has_its_finding() {
        assert_eq!(judge(&sound()), []);
        let missing = sound().into_iter().filter(|own| own.name != "saas_audit_update").collect();
        let mut weak = sound();
        for own in &mut weak {
            own.sql = own.sql.replace("new.tenant_id is not old", "new.tenant_id is old");
        }
        let mut wide = sound();
        wide[0].sql = wide[0].sql.replace("actor text not null", "actor text");
        let mut silenced = sound();
        silenced.push(Stored {
            kind: "trigger".into(),
            name: "silence".into(),
            table: "SAAS_AUDIT".into(),
            sql: "CREATE TRIGGER silence …".into(),
        });
        let cases: [(Vec<Stored>, &str); 5] = [
            (missing, "trigger \"saas_audit_update\" is missing: run `drop trigger"),
            (weak, "trigger \"saas_settings_tenant_update\" is another"),
            (wide, "table \"saas_audit\" is another"),
            (silenced, "trigger \"silence\" on table \"SAAS_AUDIT\" is none of this crate's"),
            (vec![], "this crate's own tables do not exist: run `saas_tenancy::migrate`"),
        ];
        for (stored, says) in cases {
            let found = texts(&stored);
            assert!(found.len() == 1 && found[0].starts_with(says), "{says}\n{found:#?}");
        }
    }
}
