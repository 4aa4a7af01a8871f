use futures_core::future::BoxFuture;
use saas_core::TenantId;
use saas_core::sql::{Backend, Fragment, Statements};
use sqlx::{QueryBuilder, Row, SqlStr, Sqlite};

use crate::{Finding, Registry, TenantBackend};

impl TenantBackend for Sqlite {
    fn begin(_tenant: Option<TenantId>) -> SqlStr {
        // Differs: there is no setting to bind the tenant to. The write lock is taken at once, since
        // a transaction that began by reading cannot wait for it later.
        SqlStr::from_static("begin immediate")
    }

    fn push_read(query: &mut QueryBuilder<Self>, _tenant: TenantId, rows: &dyn Fragment<Self>) {
        // Differs: no row-level security, so no wall to step behind.
        rows.push_to(query);
    }

    fn push_for_update(_query: &mut QueryBuilder<Self>) {
        // Differs: the transaction holds the only write lock already.
    }

    fn verify<'c>(
        conn: &'c mut Self::Connection,
        registry: &'c Registry,
    ) -> BoxFuture<'c, Result<Vec<Finding>, sqlx::Error>> {
        // Differs: what can be wrong here is a table that is missing, and foreign keys that are off.
        Box::pin(async move {
            let mut findings = Vec::new();
            if !foreign_keys(conn).await? {
                findings.push(Finding {
                    object: "connection".into(),
                    problem: "does not check foreign keys",
                    remedy: "connect with `SqliteConnectOptions::foreign_keys(true)`".into(),
                });
            }
            for table in registry.tenant_tables() {
                if !exists(conn, table).await? {
                    findings.push(Finding {
                        object: format!("table \"{table}\""),
                        problem: "does not exist",
                        remedy: "run the migrations".into(),
                    });
                }
            }
            Ok(findings)
        })
    }
}

async fn foreign_keys(conn: &mut sqlx::SqliteConnection) -> Result<bool, sqlx::Error> {
    let query = QueryBuilder::new("select foreign_keys from pragma_foreign_keys");
    let row = Sqlite::fetch_optional(conn, query, Statements::Unnamed).await?;
    row.map_or(Ok(false), |row| row.try_get(0))
}

async fn exists(conn: &mut sqlx::SqliteConnection, table: &str) -> Result<bool, sqlx::Error> {
    let mut query =
        QueryBuilder::new("select 1 from sqlite_schema where type = 'table' and name = ");
    query.push_bind(table);
    Ok(Sqlite::fetch_optional(conn, query, Statements::Unnamed).await?.is_some())
}
