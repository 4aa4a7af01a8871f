//! Judges what a connection may put in front of a tenant's table.

use crate::{Finding, Isolation};

/// What the catalog says of the connection's database, and the connection itself.
#[derive(Debug)]
pub(super) struct Session {
    /// Quoted.
    pub(super) database: String,
    pub(super) search_path: String,
    /// Who of those that the connection is, or can become, was given the right to make temporary
    /// tables.
    pub(super) temporary: Option<String>,
}

/// A temporary table stands in front of a tenant's of the same name, unless `pg_temp` is searched last.
/// A schema per tenant searches it so, and in a database per tenant nobody else finds it.
pub(super) fn judge(session: &Session, isolation: Isolation) -> Option<Finding> {
    let roles = session.temporary.as_ref()?;
    if isolation != Isolation::Row || searched_last(&session.search_path) {
        return None;
    }
    Some(Finding::sql(
        format!("database {}", session.database),
        "lets the connected role make temporary tables, which stand in front of tenants' tables",
        format!("revoke temporary on database {} from {roles}", session.database),
    ))
}

fn searched_last(search_path: &str) -> bool {
    let mut names = search_path.split(',').map(str::trim).rev();
    let temporary = |name| ["pg_temp", "\"pg_temp\""].contains(&name);
    names.next().is_some_and(temporary) && !names.any(temporary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(search_path: &str, temporary: Option<&str>, isolation: Isolation) -> Option<Finding> {
        let (database, search_path) = ("\"app\"".to_owned(), search_path.to_owned());
        let session = Session { database, search_path, temporary: temporary.map(str::to_owned) };
        judge(&session, isolation)
    }

    #[test]
    fn temporary_tables_are_refused_where_they_would_be_found_before_tenants_tables() {
        let usual = "\"$user\", public";
        let refused = judged(usual, Some("public, app"), Isolation::Row).unwrap();
        assert!(refused.to_string().contains("on database \"app\" from public, app"), "{refused}");
        assert_eq!(judged(usual, None, Isolation::Row), None);
        assert_eq!(judged(usual, Some("public"), Isolation::Schema), None);
        assert_eq!(judged(usual, Some("public"), Isolation::Database), None);
    }

    #[test]
    fn a_search_path_that_ends_with_the_temporary_schema_is_as_good() {
        let refused = |path| judged(path, Some("public"), Isolation::Row).is_some();
        assert!(!refused("public, pg_temp") && !refused("public,\"pg_temp\""));
        assert!(refused("pg_temp, public") && refused("public, \"x,pg_temp\"") && refused(""));
        assert!(refused("pg_temp, public, pg_temp"), "the first place counts");
    }
}
