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
    /// The same of the right to make schemas.
    pub(super) schemas: Option<String>,
    /// Schemas that are searched before one with a tenant's table and in which they may make
    /// tables, quoted, and who of them was given that right.
    pub(super) before: Vec<(String, String)>,
}

/// A table of the same name stands in front of a tenant's if it is in a schema that is searched first:
/// a temporary one does, unless `pg_temp` is searched last. A schema per tenant is searched before
/// all others, and in a database per tenant nobody else finds anything.
pub(super) fn judge(session: &Session, isolation: Isolation) -> Vec<Finding> {
    let mut findings = Vec::new();
    if isolation != Isolation::Row {
        return findings;
    }
    let database = || format!("database {}", session.database);
    if let Some(roles) = session.temporary.as_ref()
        && !searched_last(&session.search_path)
    {
        findings.push(Finding::sql(
            database(),
            "lets the connected role make temporary tables, which stand in front of tenants' tables",
            format!("revoke temporary on database {} from {roles}", session.database),
        ));
    }
    if let Some(roles) = &session.schemas {
        findings.push(Finding::sql(
            database(),
            "lets the connected role make schemas, whose tables may stand in front of tenants' tables",
            format!("revoke create on database {} from {roles}", session.database),
        ));
    }
    findings.extend(session.before.iter().map(|(schema, roles)| {
        Finding::sql(
            format!("schema {schema}"),
            "is searched before tenants' tables, and the connected role may make tables in it",
            format!("revoke create on schema {schema} from {roles}"),
        )
    }));
    findings
}

fn searched_last(search_path: &str) -> bool {
    let mut names = search_path.split(',').map(str::trim).rev();
    let temporary = |name| ["pg_temp", "\"pg_temp\""].contains(&name);
    names.next().is_some_and(temporary) && !names.any(temporary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(search_path: &str) -> Session {
        let (database, search_path) = ("\"app\"".to_owned(), search_path.to_owned());
        Session { database, search_path, temporary: None, schemas: None, before: Vec::new() }
    }

    fn judged(search_path: &str, temporary: Option<&str>, isolation: Isolation) -> Option<Finding> {
        let temporary = temporary.map(str::to_owned);
        judge(&Session { temporary, ..sound(search_path) }, isolation).pop()
    }

    #[test]
    fn schemas_that_are_searched_first_are_nobodys_to_fill() {
        let session = Session {
            schemas: Some("app".into()),
            before: vec![("early".into(), "public".into())],
            ..sound("early, public")
        };
        let said: Vec<_> =
            judge(&session, Isolation::Row).iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("revoke create on database \"app\" from app"));
        assert!(said[1].contains("revoke create on schema early from public"));
        assert_eq!(judge(&session, Isolation::Schema), []);
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
