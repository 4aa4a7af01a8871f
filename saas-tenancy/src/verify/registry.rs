//! Judges the registry itself, without a database.

use saas_core::Owner;

use crate::{Finding, Registry};

/// What is declared in a way that cannot be checked.
pub(crate) fn judge(registry: &Registry) -> Vec<Finding> {
    let tables = registry.tables();
    let mut findings = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let object = || format!("table \"{}\"", table.name);
        if tables[..index].iter().any(|earlier| earlier.name == table.name) {
            findings.push(Finding::words(
                object(),
                "is registered twice",
                "register one entity per table",
            ));
        }
        for (column, parent) in table.references() {
            if parent.owner == Owner::Tenant && registry.table(parent.table).is_none() {
                findings.push(Finding::words(
                    format!("{} (column \"{column}\")", object()),
                    "references a tenant's table that is not registered and so not verified",
                    format!("register the entity of \"{}\" as well", parent.table),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use saas_core::{Entity, Id};

    use super::*;

    #[derive(Entity)]
    #[entity(table = "parents", tenant)]
    struct Parent {
        id: Id<Parent>,
    }

    #[derive(Entity)]
    #[entity(table = "children", tenant)]
    struct Child {
        id: Id<Child>,
        #[entity(references = Parent)]
        parent_id: Id<Parent>,
    }

    fn problems(registry: &Registry) -> Vec<String> {
        judge(registry).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_table_registered_twice_is_named() {
        let registry = Registry::new().register::<Parent>().register::<Parent>();
        assert_eq!(
            problems(&registry),
            ["table \"parents\" is registered twice: register one entity per table"]
        );
    }

    #[test]
    fn a_tenants_parent_must_be_registered_as_well() {
        let complete = Registry::new().register::<Child>().register::<Parent>();
        assert_eq!(judge(&complete), []);
        let problems = problems(&Registry::new().register::<Child>());
        assert!(problems[0].contains("(column \"parent_id\") references"), "{problems:?}");
        assert!(problems[0].ends_with("register the entity of \"parents\" as well"));
    }
}
