//! The database beside the service: what it is, how it is filled, and how many jobs wait in it.

use std::net::SocketAddr;
use std::path::Path;

use chrono::Utc;
use saas_jobs::Queue;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{Postgres, Sqlite};

use crate::Result;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    Sqlite,
}

/// Reached as one who may see every tenant's rows, which the service may not.
#[derive(Debug)]
pub(crate) enum Database {
    Postgres { pool: PgPool, process: u32 },
    Sqlite(SqlitePool),
}

/// Jobs that are not done yet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backlog {
    pub(crate) jobs: u64,
    /// Seconds since the oldest of those that no worker has taken was enqueued.
    pub(crate) age: f64,
}

impl Database {
    /// The server that `dev/services` started.
    pub(crate) async fn postgres() -> Result<Self> {
        let options: PgConnectOptions = exported("TEST_POSTGRES_SUPERUSER_URL")?.parse()?;
        let pool = PgPoolOptions::new().max_connections(2).connect_with(options).await?;
        Ok(Self::Postgres { pool, process: exported("TEST_POSTGRES_PID")?.parse()? })
    }

    /// The file that the service has made.
    pub(crate) async fn sqlite(file: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new().filename(file).foreign_keys(false);
        Ok(Self::Sqlite(SqlitePoolOptions::new().max_connections(1).connect_with(options).await?))
    }

    /// As a table is headed with it.
    pub(crate) async fn version(&self) -> Result<String> {
        Ok(match self {
            Self::Postgres { pool, .. } => {
                let version: String =
                    sqlx::query_scalar("show server_version").fetch_one(pool).await?;
                format!("PostgreSQL {}", version.split(' ').next().unwrap_or_default())
            }
            Self::Sqlite(pool) => {
                let version: String =
                    sqlx::query_scalar("select sqlite_version()").fetch_one(pool).await?;
                format!("SQLite {version}")
            }
        })
    }

    /// The process whose children serve connections.
    pub(crate) fn process(&self) -> Option<u32> {
        match self {
            Self::Postgres { process, .. } => Some(*process),
            Self::Sqlite(_) => None,
        }
    }

    pub(crate) async fn backlog(&self) -> Result<Backlog> {
        let queues = match self {
            Self::Postgres { pool, .. } => {
                Queue::<Postgres>::new().stats(&mut *pool.acquire().await?).await?
            }
            Self::Sqlite(pool) => Queue::<Sqlite>::new().stats(&mut *pool.acquire().await?).await?,
        };
        let mut backlog = Backlog::default();
        for queue in queues {
            backlog.jobs += queue.ready + queue.scheduled + queue.running;
            let age = queue.oldest.map_or(0.0, |oldest| (Utc::now() - oldest).as_seconds_f64());
            backlog.age = backlog.age.max(age);
        }
        Ok(backlog)
    }

    /// Connections of the service that are at work or in a transaction; `None` where there is no
    /// server to ask.
    pub(crate) async fn busy(&self) -> Result<Option<i64>> {
        let Self::Postgres { pool, .. } = self else { return Ok(None) };
        let busy = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where application_name = 'invoicing' and state <> 'idle'",
        );
        Ok(Some(busy.fetch_one(pool).await?))
    }
}

/// What `dev/services` says.
pub(crate) fn exported(name: &str) -> Result<String> {
    std::env::var(name).map_err(|_| format!("{name} is not set: run this by dev/load").into())
}

/// Where a URL of PostgreSQL leads.
pub(crate) fn address(url: &str) -> Result<SocketAddr> {
    let options: PgConnectOptions = url.parse()?;
    Ok(format!("{}:{}", options.get_host(), options.get_port()).parse()?)
}
