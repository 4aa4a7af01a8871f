//! The public suite, on each store.

use saas_core::sql::Statements;
use saas_idempotency::{Backend, MemoryStore, testing};

use crate::on_every_database;
use crate::support::Db;

on_every_database!(
    the_store_keeps_its_word,
    races_have_one_winner_each,
    hundreds_of_races_have_one_winner_each_slow,
);

async fn the_store_keeps_its_word<DB: Backend>(db: Db<DB>) {
    testing::store(&db.store()).await;
}

async fn races_have_one_winner_each<DB: Backend>(db: Db<DB>) {
    testing::races(&db.store(), 12, 10).await;
}

async fn hundreds_of_races_have_one_winner_each_slow<DB: Backend>(db: Db<DB>) {
    // Through a pooler every call is a transaction of four round trips: the same races, fewer.
    let rounds = if db.statements == Statements::Named { 500 } else { 100 };
    testing::races(&db.store(), 12, rounds).await;
}

/// A database that is gone with its last connection.
mod sqlite_in_memory {
    use saas_idempotency::{SqlStore, migrate, testing};
    use sqlx::Sqlite;
    use sqlx::sqlite::SqlitePoolOptions;

    // One connection: several share a cache, whose locks no timeout waits for.
    async fn store() -> SqlStore<Sqlite> {
        let pool = SqlitePoolOptions::new().max_connections(1).idle_timeout(None);
        let pool = pool.max_lifetime(None).connect("sqlite::memory:").await.unwrap();
        migrate::<Sqlite>(&mut pool.acquire().await.unwrap()).await.unwrap();
        SqlStore::new(pool)
    }

    #[tokio::test]
    async fn the_store_keeps_its_word() {
        testing::store(&store().await).await;
    }

    #[tokio::test]
    async fn races_have_one_winner_each() {
        testing::races(&store().await, 12, 10).await;
    }
}

mod memory {
    use super::*;

    #[tokio::test]
    async fn the_store_keeps_its_word() {
        testing::store(&MemoryStore::new()).await;
    }

    // Its calls never wait, so these only take turns; `memory.rs` races them on threads.
    #[tokio::test]
    async fn five_hundred_races_have_one_winner_each() {
        testing::races(&MemoryStore::new(), 12, 500).await;
    }
}

mod redis {
    use super::*;
    use crate::redis::store;

    #[tokio::test]
    async fn the_store_keeps_its_word() {
        testing::store_that_forgets(&store().await).await;
    }

    #[tokio::test]
    async fn races_have_one_winner_each() {
        testing::races(&store().await, 12, 10).await;
    }

    #[tokio::test]
    async fn five_hundred_races_have_one_winner_each_slow() {
        testing::races(&store().await, 12, 500).await;
    }
}
