//! Judges whether the model of isolation that is declared is the one that is there: pure.

use super::Isolation;
use crate::{Finding, Options, Registry};

/// What a database holds of the models of isolation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Registered tables of tenants that are found outside tenants' schemas.
    pub(crate) shared: Vec<String>,
    /// How many schemas of tenants there are.
    pub(crate) schemas: i64,
    /// How many of these lack a registered table.
    pub(crate) incomplete: i64,
    /// Whether it is a database that has no schemas.
    pub(crate) schemaless: bool,
}

/// Judges what is declared of a database that all tenants share.
pub(crate) fn judge(options: &Options, registry: &Registry, survey: &Survey) -> Vec<Finding> {
    let mut findings = match options.isolation {
        Isolation::Row => vec![],
        Isolation::Schema if survey.schemaless => vec![Finding::words(
            "isolation".into(),
            "is declared as a schema per tenant, but SQLite has no schemas",
            "take a file per tenant: `TenantDb::connect_databases`",
        )],
        Isolation::Schema => judge_names(registry),
        Isolation::Database => vec![Finding::words(
            "isolation".into(),
            "is declared as a database per tenant, but all tenants share this one",
            "connect with `TenantDb::connect_databases`",
        )],
    };
    // What is searched after a tenant's schema must never hold a tenant's table.
    let searched = options.isolation == Isolation::Schema && options.schema_names.shares();
    if !options.mixed || searched {
        findings.extend(judge_model(options.isolation, survey));
    }
    findings
}

/// Looks for what another model has left.
fn judge_model(declared: Isolation, survey: &Survey) -> Option<Finding> {
    let mixed = "`Options::mixed_isolation(true)` while tenants move from one model to the other";
    match declared {
        Isolation::Row if survey.schemas > 0 => Some(Finding::words(
            format!("{} schemas of tenants", survey.schemas),
            "are there, though isolation by row is declared",
            format!("declare `Isolation::Schema`; or {mixed}"),
        )),
        Isolation::Schema if !survey.shared.is_empty() => Some(Finding::words(
            format!("tables {}", survey.shared.join(", ")),
            "are there outside the tenants' schemas, though a schema per tenant is declared",
            format!("drop them, or declare `Isolation::Row`; or {mixed}"),
        )),
        _ => None,
    }
}

fn judge_names(registry: &Registry) -> Vec<Finding> {
    let qualified = registry.tenant_tables().filter(|table| table.contains('.'));
    let finding = |table| {
        Finding::words(
            format!("table {table}"),
            "names its schema, so every tenant's statements would go to that one",
            "write `#[entity(table = …)]` without the schema",
        )
    };
    qualified.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use saas_core::{Entity, Id};

    use super::*;

    #[derive(Entity)]
    #[entity(table = "billing.invoices", tenant)]
    struct Invoice {
        id: Id<Invoice>,
    }

    #[derive(Entity)]
    #[entity(table = "shared.plans", global)]
    struct Plan {
        id: Id<Plan>,
    }

    fn problems(options: &Options, survey: &Survey) -> Vec<&'static str> {
        let registry = Registry::new().register::<Invoice>().register::<Plan>();
        judge(options, &registry, survey).iter().map(|finding| finding.problem).collect()
    }

    #[test]
    fn the_model_that_is_there_must_be_the_one_declared() {
        let row = Options::new();
        let schema = Options::new().isolation(Isolation::Schema);
        let schemas = Survey { schemas: 3, ..Survey::default() };
        let tables = Survey { shared: vec!["invoices".into()], ..Survey::default() };
        assert_eq!(problems(&row, &tables), [""; 0]);
        assert_eq!(problems(&row, &schemas), ["are there, though isolation by row is declared"]);
        assert!(problems(&schema, &tables).len() == problems(&schema, &schemas).len() + 1);
        assert_eq!(problems(&row.mixed_isolation(true), &schemas), [""; 0]);
        let database = Options::new().isolation(Isolation::Database);
        assert!(problems(&database, &tables)[0].contains("all tenants share this one"));
    }

    #[test]
    fn only_a_tenants_table_must_not_name_its_schema() {
        let schema = Options::new().isolation(Isolation::Schema);
        let problems = problems(&schema, &Survey::default());
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("names its schema"));
    }
}
