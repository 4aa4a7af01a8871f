//! What outlives the servers: the database, and the provider.

use saas_idempotency::Backend;
use sqlx::{ConnectOptions, Postgres, Sqlite};

use super::Mode;
use super::provider::Provider;
use super::server::Orders;
use crate::support::{self, Db};

pub(super) struct Site<DB: Backend> {
    pub(super) db: Db<DB>,
    pub(super) provider: Provider,
    database: String,
    redis: bool,
}

pub(super) async fn postgres() -> Site<Postgres> {
    let db = support::postgres().await;
    let database = db.pool.connect_options().to_url_lossy().to_string();
    Site { db, provider: Provider::start().await, database, redis: false }
}

pub(super) async fn sqlite() -> Site<Sqlite> {
    let db = support::sqlite().await;
    let database = db.pool.connect_options().get_filename().display().to_string();
    Site { db, provider: Provider::start().await, database, redis: false }
}

/// The records in Redis, the rows elsewhere.
pub(super) async fn redis() -> Site<Sqlite> {
    Site { redis: true, ..sqlite().await }
}

impl<DB: Backend> Site<DB> {
    /// Of a server that lives.
    pub(super) fn orders(&self, mode: Mode) -> Orders {
        Orders {
            database: self.database.clone(),
            redis: self.redis,
            provider: self.provider.address,
            mode,
            ends: None,
            later: 0,
        }
    }
}
