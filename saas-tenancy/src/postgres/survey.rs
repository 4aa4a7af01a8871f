use saas_core::schema::quoted;
use saas_core::sql::{Backend, Statements};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row};

use crate::isolation::schema;
use crate::isolation::survey::Survey;
use crate::{Options, Registry};

const SHARED: &str = "
    select name
      from unnest(";

const TABLES: &str = "
    ), complete as (
        select s.oid, count(c.oid) as tables
          from tenants s
          left join pg_class c
            on c.relnamespace = s.oid and c.relkind in ('r', 'p') and c.relname = any(";

const FOUND: &str = ")
         group by s.oid
    )
    select count(*), count(*) filter (where tables < ";

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

    let mut query = QueryBuilder::new("with tenants as (");
    schema::push_all(&mut query, &options.schema_names);
    query.push(TABLES);
    query.push_bind(tables.iter().map(ToString::to_string).collect::<Vec<_>>()).push(FOUND);
    query.push_bind(tables.len() as i64).push(") from complete");
    let row = Postgres::fetch_optional(conn, query, Statements::Unnamed).await?;
    let row = row.ok_or(sqlx::Error::RowNotFound)?;
    Ok(Survey { shared, schemas: row.try_get(0)?, incomplete: row.try_get(1)?, schemaless: false })
}
