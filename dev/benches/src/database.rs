//! A database of a bench's own: made by the role that owns the tables, measured as the role that
//! owns nothing.

use std::sync::{Mutex, PoisonError};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool, QueryBuilder};

use crate::Result;

/// A new, empty database.
pub(crate) struct Database {
    /// As the role that owns the tables.
    pub(crate) owner: PgPool,
    /// The application's role, to grant to.
    pub(crate) role: String,
    app: PgConnectOptions,
    admin: PgConnectOptions,
    pools: Mutex<Vec<PgPool>>,
}

impl Database {
    pub(crate) async fn fresh() -> Self {
        let fresh = saas_testkit::postgres_fresh().await;
        Self {
            owner: fresh.owner,
            role: fresh.app_role,
            app: fresh.app_options,
            admin: fresh.owner_options,
            pools: Mutex::default(),
        }
    }

    /// Runs statements as the owner.
    pub(crate) async fn set_up(&self, script: impl Into<String>) -> Result<()> {
        let script = QueryBuilder::<sqlx::Postgres>::new(script).into_sql();
        sqlx::raw_sql(script).execute(&self.owner).await?;
        Ok(())
    }

    /// Connections of the application. They are not pinged when they are borrowed: that would hide
    /// half of what is measured.
    pub(crate) async fn app(&self, connections: u32) -> Result<PgPool> {
        self.pool(self.app.clone(), connections).await
    }

    /// The same, whose commits do not wait for the disk: for what is not about the disk.
    pub(crate) async fn app_without_waits(&self, connections: u32) -> Result<PgPool> {
        let options = self.app.clone().options([("synchronous_commit", "off")]);
        self.pool(options, connections).await
    }

    /// The same through PgBouncer in transaction mode.
    pub(crate) async fn pooled(&self, connections: u32) -> Result<PgPool> {
        let name = self.app.get_database().unwrap_or_default();
        let through: PgConnectOptions =
            saas_testkit::required("TEST_PGBOUNCER_URL", "postgres pgbouncer").parse()?;
        self.pool(through.database(name), connections).await
    }

    /// Where the application connects to, for a process of its own.
    pub(crate) fn url(&self) -> String {
        self.app.to_url_lossy().into()
    }

    /// The same, for a connection that is no pool's.
    pub(crate) fn options(&self) -> PgConnectOptions {
        self.app.clone()
    }

    /// Where a process of its own may make tables.
    pub(crate) fn owner_url(&self) -> String {
        self.admin.to_url_lossy().into()
    }

    async fn pool(&self, options: PgConnectOptions, connections: u32) -> Result<PgPool> {
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .min_connections(connections)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).push(pool.clone());
        Ok(pool)
    }

    /// Closes every connection and removes the database.
    pub(crate) async fn remove(self) -> Result<()> {
        let pools = self.pools.into_inner().unwrap_or_else(PoisonError::into_inner);
        for pool in pools.iter().chain([&self.owner]) {
            pool.close().await;
        }
        let name = self.admin.get_database().unwrap_or_default().to_owned();
        let mut conn = self.admin.database("postgres").connect().await?;
        let drop = format!("drop database \"{name}\"");
        sqlx::raw_sql(QueryBuilder::<sqlx::Postgres>::new(drop).into_sql())
            .execute(&mut conn)
            .await?;
        Ok(conn.close().await?)
    }
}
