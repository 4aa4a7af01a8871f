//! Tries the wall instead of reading it: whatever the policies say, nobody's tenant sees no row.
//!
//! With a schema per tenant each table is tried in one of them. To open a table costs the connection
//! memory that it keeps, and what differs from schema to schema the catalog tells of all.

use saas_core::sql::{Backend, Statements};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row};

use super::table::Table;
use crate::Finding;

/// A tenant that nobody is. Fixed, so that trying is the same every time; neither zero nor anything
/// else that a policy might fall back to.
const NOBODY: &str = "5a1c0de0-7e57-8bad-9bad-0ddba11c0de5";

/// How many tables one statement asks about.
const AT_ONCE: usize = 50;

/// Within the connection's transaction, which is left as it was but for its tenant, which is none.
pub(super) async fn findings(
    conn: &mut PgConnection,
    tables: &[Table],
) -> Result<Vec<Finding>, sqlx::Error> {
    // Without an index on the tenant the question could take long, and that is a finding already.
    let tried = |table: &&Table| table.sampled && table.readable && table.tenant_index;
    let names: Vec<&str> = tables.iter().filter(tried).map(|table| table.name.as_str()).collect();
    let mut findings = Vec::new();
    for (tenant, problem) in
        [(NOBODY, "shows rows to a tenant that has none"), ("", "shows rows without a tenant")]
    {
        let mut set = QueryBuilder::new("select set_config('app.tenant_id', ");
        set.push_bind(tenant).push(", true)");
        Postgres::execute(conn, set, Statements::Unnamed).await?;
        for names in names.chunks(AT_ONCE) {
            for table in shown(conn, names).await? {
                findings.push(Finding::words(
                    format!("table {table}"),
                    problem,
                    "drop its policies and create the one that `saas_tenancy::wall` prints",
                ));
            }
        }
    }
    Ok(findings)
}

/// Which of the tables show rows.
async fn shown<'t>(
    conn: &mut PgConnection,
    tables: &[&'t str],
) -> Result<Vec<&'t str>, sqlx::Error> {
    if let Some(shown) = answered(conn, tables).await? {
        return Ok(shown);
    }
    let mut shown = Vec::new();
    for table in tables {
        // A policy that raises an error instead of answering shows nothing either.
        shown.extend(answered(conn, &[table]).await?.unwrap_or_default());
    }
    Ok(shown)
}

/// The same by one statement; nothing if one of the tables raises an error.
async fn answered<'t>(
    conn: &mut PgConnection,
    tables: &[&'t str],
) -> Result<Option<Vec<&'t str>>, sqlx::Error> {
    let asked = tables.iter().map(|table| format!("exists (select from {table})"));
    let query = format!("select array[{}]", asked.collect::<Vec<_>>().join(", "));
    say(conn, "savepoint probe").await?;
    let answer =
        match Postgres::fetch_optional(conn, QueryBuilder::new(query), Statements::Unnamed).await {
            Ok(row) => Some(row.ok_or(sqlx::Error::RowNotFound)?.try_get::<Vec<bool>, _>(0)?),
            Err(sqlx::Error::Database(error)) => {
                tracing::debug!(?tables, %error, "tables could not be read without a tenant");
                None
            }
            Err(error) => return Err(error),
        };
    say(conn, "rollback to savepoint probe").await?;
    say(conn, "release savepoint probe").await?;
    let shown = |answer: Vec<bool>| {
        tables.iter().zip(answer).filter_map(|(table, shows)| shows.then_some(*table)).collect()
    };
    Ok(answer.map(shown))
}

async fn say(conn: &mut PgConnection, statement: &'static str) -> Result<(), sqlx::Error> {
    Postgres::execute(conn, QueryBuilder::new(statement), Statements::Unnamed).await.map(drop)
}
