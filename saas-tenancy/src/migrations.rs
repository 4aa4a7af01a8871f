use saas_core::schema::Dialect;
use saas_core::sql::{Backend, Migrations};

#[cfg(feature = "postgres")]
use crate::wall::{self, Roles};

const POSTGRES: Migrations = Migrations::new(
    "tenancy",
    &[
        ("tenant of the transaction", include_str!("../migrations/postgres/0001_tenant_id.sql")),
        ("who did what", include_str!("../migrations/postgres/0002_audit.sql")),
        ("settings of tenants", include_str!("../migrations/postgres/0003_settings.sql")),
        ("who the tenants are", include_str!("../migrations/postgres/0004_tenants.sql")),
        ("how far transfers are", include_str!("../migrations/postgres/0005_transfers.sql")),
        ("schemas of tenants", include_str!("../migrations/postgres/0006_schemas.sql")),
    ],
);
const SQLITE: Migrations = Migrations::new("tenancy", &SQLITE_STEPS);
pub(crate) const SQLITE_STEPS: [(&str, &str); 5] = [
    ("who did what", include_str!("../migrations/sqlite/0002_audit.sql")),
    ("settings of tenants", include_str!("../migrations/sqlite/0003_settings.sql")),
    ("who the tenants are", include_str!("../migrations/sqlite/0004_tenants.sql")),
    ("how far transfers are", include_str!("../migrations/sqlite/0005_transfers.sql")),
    ("whose file it is", include_str!("../migrations/sqlite/0006_schemas.sql")),
];

/// Brings this crate's own objects up to date: on PostgreSQL `saas.tenant_id()`, which the policies
/// call, and the tables of its own. Run it as the role that owns the tables.
///
/// # Errors
/// What the database refused; nothing is then changed.
pub async fn migrate<DB: Backend>(
    conn: &mut DB::Connection,
) -> Result<(), sqlx::migrate::MigrateError> {
    match DB::DIALECT {
        Dialect::Postgres => POSTGRES.run::<DB>(conn).await,
        Dialect::Sqlite => SQLITE.run::<DB>(conn).await,
    }
}

/// A table of this crate's own: `saas.name`, on SQLite `saas_name`.
pub(crate) fn own<DB: Backend>(name: &str) -> impl std::fmt::Display + '_ {
    let schema = match DB::DIALECT {
        Dialect::Postgres => "saas.",
        // Differs: there are no schemas.
        Dialect::Sqlite => "saas_",
    };
    std::fmt::from_fn(move |f| write!(f, "{schema}{name}"))
}

/// Lets the application's role, which owns nothing, use this crate's objects; and the role that it
/// crosses tenants as, if there is one. It can be run again.
///
/// ```no_run
/// # async fn example(conn: &mut sqlx::PgConnection) -> Result<(), sqlx::Error> {
/// use saas_tenancy::wall::Roles;
/// saas_tenancy::grant(conn, "invoicing_app").await?;
/// saas_tenancy::grant(conn, Roles::new("invoicing_app").across("invoicing_across")).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// What the database refused.
#[cfg(feature = "postgres")]
pub async fn grant(
    conn: &mut sqlx::PgConnection,
    roles: impl Into<Roles>,
) -> Result<(), sqlx::Error> {
    let roles = roles.into();
    saas_core::sql::grant(conn, roles.app_role(), &wall::APP_GRANTS).await?;
    match roles.across_role() {
        Some(role) => saas_core::sql::grant(conn, role, &wall::ACROSS_GRANTS).await,
        None => Ok(()),
    }
}
