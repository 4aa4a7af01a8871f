//! What a database's error means here.

use saas_core::TenantId;

use super::Error;
use crate::wall;

/// Who in PostgreSQL refuses a row behind the wall. A right that is missing has the same code, and
/// the words are in the server's language.
const WALL: [&str; 2] = ["ExecWithCheckOptions", "check_enable_rls"];
/// Who finds that a prepared statement would now return something else, and who that it is none any
/// more.
const OUTDATED: [&str; 2] = ["RevalidateCachedQuery", "FetchPreparedStatement"];

impl Error {
    /// The name of the violated unique constraint or index, where the database tells it.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Taken { source, .. } | Self::BrokenReference { source, .. } => {
                source.as_database_error().and_then(|error| error.constraint())
            }
            _ => None,
        }
    }

    /// Sorts a database error that the way to a tenant's rows met: a schema or a database that does
    /// not exist is that of a tenant that was not provisioned.
    pub(crate) fn on_opening(tenant: Option<TenantId>, source: sqlx::Error) -> Self {
        let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match (tenant, code.as_deref()) {
            (Some(tenant), Some("3F000" | "3D000")) => Self::NotProvisioned { tenant },
            _ => Self::from(source),
        }
    }

    /// Sorts a database error that a statement on `table` met.
    pub(crate) fn on(table: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| match source.as_database_error().map(sqlx::error::DatabaseError::kind) {
            Some(sqlx::error::ErrorKind::UniqueViolation) => Self::Taken { table, source },
            Some(sqlx::error::ErrorKind::ForeignKeyViolation) => {
                Self::BrokenReference { table, source }
            }
            _ => Self::from(source),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        use sqlx::Error as Sqlx;
        match &source {
            Sqlx::Io(_) | Sqlx::Tls(_) | Sqlx::PoolTimedOut | Sqlx::PoolClosed => {
                Self::Unavailable(source)
            }
            Sqlx::WorkerCrashed | Sqlx::BeginFailed => Self::Unavailable(source),
            Sqlx::Database(error) => match error.code().as_deref() {
                // PostgreSQL: serialization failure, deadlock, lock not available; SQLite: busy
                // and locked, with their extended codes.
                Some("40001" | "40P01" | "55P03" | "5" | "6" | "261" | "517" | "262") => {
                    Self::Contention(source)
                }
                Some("42501") if raised_by(&source, &WALL) => Self::WallRefused(source),
                Some("42501") => Self::NotGranted(source),
                Some("0A000" | "26000") if is_outdated(&source) => Self::Outdated(source),
                // A statement after one that failed; at the commit too, where SQL by hand had.
                Some("25P02") => Self::Aborted,
                // SQLite: a trigger raised, which may have been the application's own.
                Some("1811") if error.message().starts_with(wall::REFUSAL) => {
                    Self::WallRefused(source)
                }
                // Connection exceptions, operator intervention, out of resources.
                Some(code) if code.len() == 5 && ["08", "57", "53"].contains(&&code[..2]) => {
                    Self::Unavailable(source)
                }
                _ => Self::Database(source),
            },
            _ => Self::Database(source),
        }
    }
}

/// Whether a prepared statement would now return something else, because a migration changed a table,
/// or is gone, because SQL by hand has discarded it. sqlx does not know, and would try the same on that
/// connection for ever.
pub(crate) fn is_outdated(error: &sqlx::Error) -> bool {
    raised_by(error, &OUTDATED)
}

/// Whether one of these routines of PostgreSQL says so.
fn raised_by(error: &sqlx::Error, routines: &[&str]) -> bool {
    #[cfg(feature = "postgres")]
    if let Some(error) = error.as_database_error()
        && let Some(error) = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
    {
        return error.routine().is_some_and(|routine| routines.contains(&routine));
    }
    // Differs: SQLite has neither these codes nor these routines.
    let _ = (error, routines);
    false
}
