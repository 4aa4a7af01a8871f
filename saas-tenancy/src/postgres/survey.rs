use saas_core::schema::quoted;
use saas_core::sql::{Backend, Statements};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row};

use crate::isolation::schema;
use crate::isolation::survey::Survey;
use crate::{Isolation, Options, Registry};

const SHARED: &str = "
    select name
      from unnest(";

const SCHEMAS: &str = "
    with schemas as (
        select n.oid, n.nspname::text as name
          from pg_namespace n, (select ";

// Owners without FORCE are not bound by policies, and a table without policy for who asks shows
// nothing; what a policy says is verified in full in one schema.
const TABLES: &str = "::text as prefix) p
         where left(n.nspname, length(p.prefix)) = p.prefix
           and substr(n.nspname, length(p.prefix) + 1) ~ '^[0-9a-f]{32}$'
    ), tables as (
        select s.name as schema, c.relname::text as name,
               c.relrowsecurity
               and (c.relforcerowsecurity or not pg_has_role(current_user, c.relowner, 'usage'))
               and exists (select from pg_policy p where p.polrelid = c.oid) as walled
          from schemas s
          join pg_class c on c.relnamespace = s.oid and c.relkind in ('r', 'p')
         where c.relname = any(";

const FOUND: &str = ")
    ), complete as (
        select s.name, count(t.name) as tables
          from schemas s left join tables t on t.schema = s.name
         group by s.name
    )
    select (select count(*) from complete),
           (select count(*) from complete where tables < ";

const SAMPLE: &str = "),
           (select name from complete order by tables desc, name desc limit 1),
           array(select schema || '.' || name from tables where not walled order by 1 limit 20)";

/// Asks the catalog, in two statements, however many schemas there are.
pub(super) async fn survey(
    conn: &mut PgConnection,
    registry: &Registry,
    options: &Options,
) -> Result<Survey, sqlx::Error> {
    let tables: Vec<&str> = registry.tenant_tables().collect();
    let names: Vec<String> = tables.iter().map(|table| quoted(table).to_string()).collect();
    let mut query = QueryBuilder::new(SHARED);
    query.push_bind(names).push("::text[]) as name where to_regclass(name) is not null");
    let rows = Postgres::fetch_all(conn, query, Statements::Unnamed).await?;
    let shared = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;

    let names = &options.schema_names;
    let mut query = QueryBuilder::new(SCHEMAS);
    query.push_bind(names.prefix().to_owned()).push(TABLES);
    query.push_bind(tables.iter().map(ToString::to_string).collect::<Vec<_>>()).push(FOUND);
    query.push_bind(tables.len() as i64).push(SAMPLE);
    let row = Postgres::fetch_optional(conn, query, Statements::Unnamed).await?;
    let row = row.ok_or(sqlx::Error::RowNotFound)?;
    let sample: Option<String> = row.try_get(2)?;
    let sample = sample.and_then(|name| names.tenant(&name));
    if let Some(tenant) = sample.filter(|_| options.isolation == Isolation::Schema) {
        sqlx::raw_sql(schema::enter(names, tenant)).execute(conn).await?;
    }
    Ok(Survey {
        shared,
        schemas: row.try_get(0)?,
        incomplete: row.try_get(1)?,
        sample,
        unwalled: row.try_get(3)?,
        schemaless: false,
    })
}
