//! Killed at no particular point, again and again, while clients repeat what they got no answer to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use saas_idempotency::Backend;
use tokio::sync::watch;
use uuid::Uuid;

use super::Mode;
use super::process::{Process, call};
use super::site::{self, Site};

const ROUNDS: usize = 60;
const CLIENTS: usize = 6;

/// One request as its client saw it.
struct Done {
    key: String,
    /// How many connections broke under it.
    broken: usize,
    replayed: bool,
}

/// Sends one request after the other, each until it is answered, to the server of the hour.
async fn client(server: watch::Receiver<SocketAddr>, closing: Arc<AtomicBool>) -> Vec<Done> {
    let mut all = Vec::new();
    while !closing.load(Ordering::Relaxed) {
        let mut done = Done { key: Uuid::new_v4().to_string(), broken: 0, replayed: false };
        loop {
            let address = *server.borrow();
            match call(address, &done.key).await {
                Ok(answer) if answer.status == 201 => {
                    assert!(answer.body.ends_with(&done.key), "another's: {answer:?}");
                    done.replayed = answer.is_replayed();
                    break;
                }
                // The transaction of the dead is not undone yet.
                Ok(answer) => assert_eq!(answer.status, 409, "{answer:?}"),
                Err(_) => done.broken += 1,
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        all.push(done);
    }
    all
}

async fn each_request_has_one_row<DB: Backend>(site: Site<DB>, mode: Mode) {
    let mut process = Process::start(&site.orders(mode));
    let (server, address) = watch::channel(process.address);
    let closing = Arc::<AtomicBool>::default();
    let clients: Vec<_> =
        (0..CLIENTS).map(|_| tokio::spawn(client(address.clone(), closing.clone()))).collect();
    for _ in 0..ROUNDS {
        let lifetime = 5 + u64::from(Uuid::new_v4().as_bytes()[0]) / 2;
        tokio::time::sleep(Duration::from_millis(lifetime)).await;
        process.kill();
        process = Process::start(&site.orders(mode));
        server.send_replace(process.address);
    }
    closing.store(true, Ordering::Relaxed);
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.await.unwrap());
    }
    for done in &all {
        assert_eq!(site.db.effects(&done.key).await, 1, "{}", done.key);
    }
    let calls = site.provider.calls().len();
    assert_eq!(site.provider.charges(), all.len(), "under one derived key for each request");
    let broken: usize = all.iter().map(|done| done.broken).sum();
    let replayed = all.iter().filter(|done| done.replayed).count();
    println!("{} requests, {calls} calls, {broken} broken, {replayed} replayed", all.len());
    assert!(broken >= ROUNDS && replayed > 0, "{broken} broken, {replayed} replayed");
}

macro_rules! killed_at_random_moments {
    ($($mode:ident $module:ident on $site:ident as $name:ident,)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            each_request_has_one_row(site::$site().await, Mode::$mode).await;
        })*
    };
}
