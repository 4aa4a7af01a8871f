use saas_core::schema::Dialect;
use saas_core::sql::Migrations;

use crate::{Backend, Error};

macro_rules! steps {
    ($database:literal) => {
        [
            ("tables", include_str!(concat!("../migrations/", $database, "/1_tables.sql"))),
            ("limits", include_str!(concat!("../migrations/", $database, "/2_limits.sql"))),
            ("unique", include_str!(concat!("../migrations/", $database, "/3_unique.sql"))),
            ("steps", include_str!(concat!("../migrations/", $database, "/4_steps.sql"))),
            ("ends", include_str!(concat!("../migrations/", $database, "/5_ends.sql"))),
            ("schedules", include_str!(concat!("../migrations/", $database, "/6_schedules.sql"))),
            ("trace", include_str!(concat!("../migrations/", $database, "/7_trace.sql"))),
            (
                "first attempts",
                include_str!(concat!("../migrations/", $database, "/8_first_attempts.sql")),
            ),
        ]
    };
}

/// The steps on PostgreSQL; a step that was released is never edited.
const POSTGRES: Migrations = Migrations::new("jobs", &steps!("postgres"));

/// The same steps on SQLite.
const SQLITE: Migrations = Migrations::new("jobs", &steps!("sqlite"));

/// Brings the queue's tables up to date; safe to call from every process that starts.
///
/// The connection must be direct, and its role must be allowed to create tables. The tables are
/// `saas.jobs…` on PostgreSQL and `saas_jobs…` on SQLite; the version is kept in
/// `saas.jobs_migrations`, so the application's own migrations are never touched.
pub async fn migrate<DB: Backend>(conn: &mut DB::Connection) -> Result<(), Error> {
    let steps = match DB::DIALECT {
        Dialect::Postgres => POSTGRES,
        Dialect::Sqlite => SQLITE,
    };
    Ok(steps.run::<DB>(conn).await?)
}

/// What a role needs to enqueue and to work.
#[cfg(feature = "postgres")]
const GRANTS: &[&str] = &[
    "grant usage on schema saas to :role",
    "grant select, insert, update, delete on saas.jobs, saas.jobs_ready, saas.jobs_later, \
     saas.jobs_lease, saas.jobs_done, saas.jobs_dead, saas.jobs_error, saas.jobs_worker, \
     saas.jobs_limit, saas.jobs_lane, saas.jobs_limit_use, saas.jobs_unique, saas.jobs_step, \
     saas.jobs_cron, saas.jobs_leader to :role",
    "grant usage on sequence saas.jobs_lane_number to :role",
    "grant execute on function saas.jobs_fenced() to :role",
];

/// Lets a role that owns nothing enqueue jobs and run a worker.
///
/// Call it after [`migrate`], as the role that owns the tables.
#[cfg(feature = "postgres")]
pub async fn grant(conn: &mut sqlx::PgConnection, role: &str) -> Result<(), Error> {
    Ok(saas_core::sql::grant(conn, role, GRANTS).await?)
}
