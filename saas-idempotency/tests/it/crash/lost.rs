//! A machine is lost, and its connections are not closed: PostgreSQL cannot know of it.

use std::time::Duration;

use sqlx::Postgres;
use uuid::Uuid;

use super::process::{Process, call};
use super::server::{Orders, Signal, body};
use super::site::{self, Site};
use super::{Mode, Point};

/// Its transaction is open, with the claim in it.
async fn lost(site: &Site<Postgres>, orders: Orders, key: &str) -> Process {
    let lost = Process::start(&orders.ending(Point::AfterCharge, Signal::Stop));
    let (address, key) = (lost.address, key.to_owned());
    tokio::spawn(async move { call(address, &key).await });
    while site.provider.calls().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_machine_holds_its_key_until_postgres_ends_its_transaction() {
    let (site, key) = (site::postgres().await, Uuid::new_v4().to_string());
    let lost = lost(&site, site.orders(Mode::Atomic), &key).await;
    let retry = Process::start(&site.orders(Mode::Atomic));
    assert_eq!(retry.call(&key).await.unwrap().status, 409);
    assert_eq!((site.provider.calls().len(), site.db.effects(&key).await), (1, 0));
    lost.kill();
    let answer = retry.call(&key).await.unwrap();
    assert_eq!((answer.status, answer.body), (201, body(retry.id(), 1, &key)));
    assert_eq!(site.db.effects(&key).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_machine_holds_its_key_no_longer_than_a_transaction_may_idle() {
    let (site, key) = (site::postgres().await, Uuid::new_v4().to_string());
    let mut orders = site.orders(Mode::Atomic);
    orders.database.push_str("&options[idle_in_transaction_session_timeout]=1s");
    let _lost = lost(&site, orders, &key).await;
    let retry = Process::start(&site.orders(Mode::Atomic));
    let answer = retry.call(&key).await.unwrap();
    assert_eq!((answer.status, answer.body), (201, body(retry.id(), 1, &key)));
    assert_eq!(site.db.effects(&key).await, 1);
}
