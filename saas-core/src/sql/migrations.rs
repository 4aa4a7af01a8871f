use std::borrow::Cow;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType};
use sqlx::{Connection, QueryBuilder, SqlStr};

use super::{Backend, Statements};
use crate::schema::Dialect;

/// Processes that start together take turns. The lock ends with the transaction, so a killed process
/// leaves none behind.
const POSTGRES_TURN: &str = "select pg_advisory_xact_lock(hashtextextended('saas.migrations', 0))";

/// A crate's own tables, and how they came to be.
///
/// Each crate migrates itself with a version table of its own (`saas.jobs_migrations`; on SQLite
/// `saas_jobs_migrations`), so the application's `_sqlx_migrations` is never touched. All pending
/// steps run in one transaction; processes that start together take turns.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    name: &'static str,
    steps: &'static [(&'static str, &'static str)],
}

impl Migrations {
    /// The steps of the crate `name`, oldest first: what each does, and its SQL. A step that was
    /// released is never edited.
    pub const fn new(name: &'static str, steps: &'static [(&'static str, &'static str)]) -> Self {
        Self { name, steps }
    }

    /// Brings the tables up to date. The connection must be direct, and its role must be allowed
    /// to create tables and, on PostgreSQL, the schema `saas`.
    pub async fn run<DB: Backend>(&self, conn: &mut DB::Connection) -> Result<(), MigrateError> {
        let (begin, table) = match DB::DIALECT {
            Dialect::Postgres => ("begin", format!("saas.{}_migrations", self.name)),
            // Differs: SQLite's write lock serialises, and there are no schemas.
            Dialect::Sqlite => ("begin immediate", format!("saas_{}_migrations", self.name)),
        };
        let mut tx = conn.begin_with(SqlStr::from_static(begin)).await?;
        if DB::DIALECT == Dialect::Postgres {
            DB::execute(&mut tx, QueryBuilder::new(POSTGRES_TURN), Statements::Unnamed).await?;
            tx.create_schema_if_not_exists("saas").await?;
        }
        tx.ensure_migrations_table(&table).await?;
        let applied = tx.list_applied_migrations(&table).await?;
        for (version, (description, sql)) in (1..).zip(self.steps) {
            let step = Migration::new(
                version,
                Cow::Borrowed(description),
                MigrationType::Simple,
                SqlStr::from_static(sql),
                false,
            );
            match applied.iter().find(|done| done.version == version) {
                Some(done) if done.checksum == step.checksum => {}
                Some(_) => return Err(MigrateError::VersionMismatch(version)),
                None => drop(tx.apply(&table, &step).await?),
            }
        }
        Ok(tx.commit().await?)
    }
}

/// Runs `grant` statements for one role: `:role` in each is replaced by the role's quoted name.
///
/// The role that owns the tables calls this for the role that the application connects as, which
/// owns nothing.
#[cfg(feature = "postgres")]
pub async fn grant(
    conn: &mut sqlx::PgConnection,
    role: &str,
    statements: &[&'static str],
) -> Result<(), sqlx::Error> {
    let role = crate::schema::identifier(role).to_string();
    // Two processes that grant at once would trip over each other in the catalog.
    let mut tx = conn.begin().await?;
    sqlx::query(POSTGRES_TURN).execute(&mut *tx).await?;
    for statement in statements {
        let query = QueryBuilder::new(statement.replace(":role", &role));
        sqlx::Postgres::execute(&mut tx, query, Statements::Unnamed).await?;
    }
    tx.commit().await
}
