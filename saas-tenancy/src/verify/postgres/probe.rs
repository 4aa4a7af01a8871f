//! Tries the wall instead of reading it: whatever the policies say, nobody's tenant sees no row.

use saas_core::sql::{Backend, Statements};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row};

use super::table::Table;
use crate::Finding;

/// A tenant that nobody is. Fixed, so that trying is the same every time; neither zero nor anything
/// else that a policy might fall back to.
const NOBODY: &str = "5a1c0de0-7e57-8bad-9bad-0ddba11c0de5";

/// Within the connection's transaction, which is left as it was but for its tenant, which is none.
pub(super) async fn findings(
    conn: &mut PgConnection,
    tables: &[Table],
) -> Result<Vec<Finding>, sqlx::Error> {
    let mut findings = Vec::new();
    for (tenant, problem) in
        [(NOBODY, "shows rows to a tenant that has none"), ("", "shows rows without a tenant")]
    {
        let mut set = QueryBuilder::new("select set_config('app.tenant_id', ");
        set.push_bind(tenant).push(", true)");
        Postgres::execute(conn, set, Statements::Unnamed).await?;
        // Without an index on the tenant the question could take long, and that is a finding already.
        for table in tables.iter().filter(|table| table.readable && table.tenant_index) {
            if sees_rows(conn, &table.name).await? {
                findings.push(Finding::words(
                    format!("table {}", table.name),
                    problem,
                    "drop its policies and create the one that `saas_tenancy::wall` prints",
                ));
            }
        }
    }
    Ok(findings)
}

/// A policy that raises an error instead of answering shows nothing either.
async fn sees_rows(conn: &mut PgConnection, table: &str) -> Result<bool, sqlx::Error> {
    say(conn, "savepoint probe").await?;
    let query = QueryBuilder::new(format!("select exists (select from {table})"));
    let seen = match Postgres::fetch_optional(conn, query, Statements::Unnamed).await {
        Ok(row) => row.map_or(Ok(false), |row| row.try_get(0)),
        Err(sqlx::Error::Database(error)) => {
            tracing::debug!(table, %error, "a table could not be read without a tenant");
            Ok(false)
        }
        Err(error) => Err(error),
    };
    say(conn, "rollback to savepoint probe").await?;
    say(conn, "release savepoint probe").await?;
    seen
}

async fn say(conn: &mut PgConnection, statement: &'static str) -> Result<(), sqlx::Error> {
    Postgres::execute(conn, QueryBuilder::new(statement), Statements::Unnamed).await.map(drop)
}
