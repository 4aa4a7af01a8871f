//! The public suite, on each store.

use saas_idempotency::{Backend, testing};

use crate::on_every_database;
use crate::support::Db;

on_every_database!(the_store_keeps_its_word, a_hundred_races_have_one_winner_each_slow,);

async fn the_store_keeps_its_word<DB: Backend>(db: Db<DB>) {
    testing::store(&db.store()).await;
}

async fn a_hundred_races_have_one_winner_each_slow<DB: Backend>(db: Db<DB>) {
    testing::races(&db.store(), 12, 100).await;
}
