//! The one place that names `search_path`: what steps into a tenant's schema, and only until the
//! transaction ends; and how the tenants' schemas are found.

use saas_core::TenantId;
use saas_core::schema::quoted;
use sqlx::{Postgres, QueryBuilder, SqlStr};

use super::SchemaNames;
use crate::postgres::lent::{self, BEGIN};

/// Opens a transaction of a tenant in its schema, or of none in the shared one, in one message.
pub(crate) fn begin(names: &SchemaNames, tenant: Option<TenantId>) -> SqlStr {
    let begin = match (tenant, names.shared()) {
        (Some(tenant), _) => {
            format!("{}; {}", lent::begin(tenant), step_into(&names.of(tenant), names))
        }
        (None, Some(shared)) => format!("{BEGIN}; {}", searching(&[shared])),
        (None, None) => return SqlStr::from_static(BEGIN),
    };
    QueryBuilder::<Postgres>::new(begin).into_sql()
}

/// One step of a migration, in the schema whatever the step before has set.
pub(crate) fn step(names: &SchemaNames, schema: &str, sql: &str) -> SqlStr {
    QueryBuilder::<Postgres>::new(format!("{};\n{sql}", step_into(schema, names))).into_sql()
}

/// `select oid, name` of every tenant's schema: those that are named like one.
pub(crate) fn push_all(query: &mut QueryBuilder<Postgres>, names: &SchemaNames) {
    query.push("select n.oid, n.nspname::text as name from pg_namespace n, (select ");
    query.push_bind(names.prefix().to_owned()).push(
        "::text as prefix) p
         where left(n.nspname, length(p.prefix)) = p.prefix
           and substr(n.nspname, length(p.prefix) + 1) ~ '^[0-9a-f]{32}$'",
    );
}

/// Nothing but the schema is searched, and the shared one if there is one, so that no table of
/// `public` can stand in for one that the schema lacks. A schema that does not exist would be passed
/// over in silence: the cast to `regnamespace` makes that an error.
fn step_into(schema: &str, names: &SchemaNames) -> String {
    let searched: Vec<&str> = [schema].into_iter().chain(names.shared()).collect();
    format!("{}; select '{}'::regnamespace", searching(&searched), quoted(schema))
}

/// `pg_temp` is named last since PostgreSQL searches it first where it is not named, and a temporary
/// table that another tenant's transaction has left could be there.
fn searching(schemas: &[&str]) -> String {
    let names: String = schemas.iter().map(|schema| format!("{}, ", quoted(schema))).collect();
    format!("set local search_path to {names}pg_temp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_steps_into_its_schema_in_one_message_and_nowhere_else() {
        let tenant: TenantId = "0198a3f2-5c1e-7d3a-9b4c-1234567890ab".parse().unwrap();
        let (alone, sharing) =
            (SchemaNames::default(), SchemaNames::default().sharing("shared").unwrap());
        assert_eq!(
            begin(&alone, Some(tenant)).as_str(),
            "begin; select set_config('app.transaction', 'lent', true), \
             set_config('app.tenant_id', '0198a3f2-5c1e-7d3a-9b4c-1234567890ab', true); \
             set local search_path to \"t_0198a3f25c1e7d3a9b4c1234567890ab\", pg_temp; \
             select '\"t_0198a3f25c1e7d3a9b4c1234567890ab\"'::regnamespace"
        );
        assert!(begin(&sharing, Some(tenant)).as_str().contains("0ab\", \"shared\", pg_temp;"));
        assert_eq!(begin(&alone, None).as_str(), BEGIN);
        assert_eq!(
            begin(&sharing, None).as_str(),
            "begin; select set_config('app.transaction', 'lent', true); \
             set local search_path to \"shared\", pg_temp"
        );
    }
}
