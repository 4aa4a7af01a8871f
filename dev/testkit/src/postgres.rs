mod own;

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

use crate::required;

pub use own::{pgbouncer_of_its_own, postgres_of_its_own};

/// A database with its two roles.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// As the application: owns nothing, is no superuser, does not bypass row-level security.
    pub app: PgPool,
    /// As the migrating role, which owns the tables.
    pub owner: PgPool,
    /// Where `app` connects to, for a process of its own.
    pub app_options: PgConnectOptions,
    /// Where `owner` connects to.
    pub owner_options: PgConnectOptions,
    /// The role of `app`, to grant to.
    pub app_role: String,
}

impl Postgres {
    /// Runs a script as the owner, once for this database however many tests ask for it at once.
    pub async fn set_up(&self, script: &str) {
        let mut tx = self.owner.begin().await.expect("the owner's connection");
        let run = async {
            sqlx::query("select pg_advisory_xact_lock(4712)").execute(&mut *tx).await?;
            sqlx::query("create table if not exists test_set_up (script text)")
                .execute(&mut *tx)
                .await?;
            let done = sqlx::query("select 1 from test_set_up where script = $1").bind(script);
            if done.fetch_optional(&mut *tx).await?.is_none() {
                sqlx::raw_sql(AssertSqlSafe(script.to_owned())).execute(&mut *tx).await?;
                let done = sqlx::query("insert into test_set_up values ($1)").bind(script);
                done.execute(&mut *tx).await?;
            }
            tx.commit().await
        };
        run.await.expect("the set-up script runs");
    }
}

/// The database `name`, made if missing and shared by every test that names it: use fresh tenants.
pub async fn postgres(name: &str) -> Postgres {
    let app = options("TEST_POSTGRES_URL", "postgres");
    connect(name, app).await
}

/// The same database, the application connected through PgBouncer in transaction mode.
pub async fn pgbouncer(name: &str) -> Postgres {
    let app = options("TEST_PGBOUNCER_URL", "postgres pgbouncer");
    connect(name, app).await
}

/// A database of the test's own.
pub async fn postgres_fresh() -> Postgres {
    postgres(&format!("fresh_{}", uuid::Uuid::now_v7().simple())).await
}

fn options(variable: &str, service: &str) -> PgConnectOptions {
    PgConnectOptions::from_str(&required(variable, service))
        .expect("the variable holds a database URL")
}

async fn connect(name: &str, app: PgConnectOptions) -> Postgres {
    let owner = options("TEST_POSTGRES_OWNER_URL", "postgres");
    create_database(&owner, name).await;
    reached_by(app.database(name), owner.database(name), Duration::from_secs(30))
}

fn reached_by(
    app_options: PgConnectOptions,
    owner_options: PgConnectOptions,
    patience: Duration,
) -> Postgres {
    let pool = |size| PgPoolOptions::new().max_connections(size).acquire_timeout(patience);
    Postgres {
        app: pool(16).connect_lazy_with(app_options.clone()),
        owner: pool(4).connect_lazy_with(owner_options.clone()),
        app_role: app_options.get_username().to_owned(),
        app_options,
        owner_options,
    }
}

async fn create_database(owner: &PgConnectOptions, name: &str) {
    let mut conn = PgConnection::connect_with(owner)
        .await
        .expect("PostgreSQL answers where TEST_POSTGRES_OWNER_URL says");
    // Test processes that start together take turns; the lock ends with this connection.
    sqlx::query("select pg_advisory_lock(4711)").execute(&mut conn).await.expect("a lock");
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut conn)
            .await
            .expect("the catalog answers");
    if !exists {
        let create = format!("create database \"{name}\"");
        sqlx::query(AssertSqlSafe(create)).execute(&mut conn).await.expect("a new database");
    }
    conn.close().await.expect("a clean end");
}
