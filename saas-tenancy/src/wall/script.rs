use std::collections::BTreeSet;

use saas_core::schema::Dialect;

use super::{Roles, postgres, triggers};
use crate::{Error, Registry, Result};

/// Every registered table with its keys, indexes and wall, parents first: the schema of a new
/// database, or the model to compare an old one with.
///
/// On PostgreSQL run [`migrate`](crate::migrate) first, which makes the function that the policies
/// call, and then this as the role that shall own the tables. The application's role may read and
/// write global tables; take away what it does not need. SQLite has no roles.
///
/// # Errors
/// [`Error::ReferenceCycle`] if no table of a circle can be made first; for SQLite
/// [`Error::NoSchemas`] if a table names its schema.
pub fn script(registry: &Registry, roles: &Roles, dialect: Dialect) -> Result<String> {
    let tables = registry.in_order()?;
    let mut sql = String::new();
    if dialect == Dialect::Sqlite {
        // Its keys and triggers cannot name one, and no key leads from one file to another.
        if let Some(table) = tables.iter().find(|table| table.name.contains('.')) {
            return Err(Error::NoSchemas { table: table.name });
        }
    } else {
        let schemas: BTreeSet<&str> =
            tables.iter().filter_map(|table| Some(table.name.split_once('.')?.0)).collect();
        sql += &postgres::entrance(roles);
        schemas.into_iter().for_each(|schema| sql += &postgres::schema(schema, roles));
    }
    for table in tables {
        sql += &table.ddl(dialect);
        sql += &match dialect {
            Dialect::Postgres if table.is_tenants() => postgres::table(table.name, roles),
            Dialect::Postgres => postgres::global(table.name, roles),
            Dialect::Sqlite if table.is_tenants() => {
                triggers(table.name).map(|trigger| trigger.create()).concat()
            }
            Dialect::Sqlite => String::new(),
        };
    }
    Ok(sql)
}

#[cfg(test)]
mod tests {
    use saas_core::{Entity, Id};

    use super::*;

    #[derive(Entity)]
    #[entity(table = "billing.invoices", tenant)]
    struct Invoice {
        id: Id<Invoice>,
        #[entity(references = Plan)]
        plan_id: Id<Plan>,
    }

    #[derive(Entity)]
    #[entity(table = "plans", global)]
    struct Plan {
        id: Id<Plan>,
    }

    fn written(roles: &Roles, dialect: Dialect) -> String {
        script(&Registry::new().register::<Invoice>().register::<Plan>(), roles, dialect).unwrap()
    }

    #[test]
    fn a_script_makes_schemas_then_parents_then_children_each_with_its_wall() {
        let sql = written(&Roles::new("app"), Dialect::Postgres);
        let steps = [
            "grant execute on function saas.tenant_id() to \"app\";",
            "create schema if not exists \"billing\";",
            "create table \"plans\"",
            "delete on \"plans\" to \"app\";",
            "create table \"billing\".\"invoices\"",
            "create policy tenant_isolation on \"billing\".\"invoices\" to \"app\"",
        ];
        let places: Vec<_> = steps.iter().map(|step| sql.find(step)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}\n{sql}");
        assert!(!sql.contains("crossing"), "{sql}");
    }

    #[test]
    fn a_table_that_names_its_schema_is_told_for_sqlite() {
        let registry = Registry::new().register::<Plan>().register::<Invoice>();
        let error = script(&registry, &Roles::new("nobody"), Dialect::Sqlite).unwrap_err();
        assert_eq!(
            error.to_string(),
            "table billing.invoices names its schema, and SQLite has none"
        );
        let plans = Registry::new().register::<Plan>();
        assert!(script(&plans, &Roles::new("nobody"), Dialect::Sqlite).is_ok());
    }

    #[test]
    fn a_crossing_role_gets_a_policy_for_select_and_nothing_else() {
        let sql = written(&Roles::new("app").across("auditor"), Dialect::Postgres);
        let lines: Vec<_> = sql.lines().filter(|line| line.contains("\"auditor\"")).collect();
        assert_eq!(
            lines,
            [
                "grant usage on schema saas to \"auditor\";",
                "grant execute on function saas.tenant_id(), saas.crossing(), \
                 saas.cross(uuid, text, text, timestamptz) to \"auditor\";",
                "grant select on saas.audit to \"auditor\";",
                "grant usage on schema \"billing\" to \"auditor\";",
                "grant select on \"plans\" to \"auditor\";",
                "grant select on \"billing\".\"invoices\" to \"auditor\";",
                "create policy tenant_crossing on \"billing\".\"invoices\" for select to \"auditor\"",
            ]
        );
    }
}
