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

/// Sends one request after the other, each until it is answered, to the server of the hour. Returns
/// their keys.
async fn client(server: watch::Receiver<SocketAddr>, closing: Arc<AtomicBool>) -> Vec<String> {
    let mut keys = Vec::new();
    while !closing.load(Ordering::Relaxed) {
        let key = Uuid::new_v4().to_string();
        loop {
            let address = *server.borrow();
            match call(address, &key).await {
                Ok(answer) if answer.status == 201 => {
                    assert!(answer.body.ends_with(&key), "another's: {answer:?}");
                    break;
                }
                // PostgreSQL has not undone the dead server's transaction yet.
                Ok(answer) => assert_eq!(answer.status, 409, "{answer:?}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
        keys.push(key);
    }
    keys
}

async fn each_request_has_one_row<DB: Backend>(site: Site<DB>, mode: Mode) {
    let mut process = Process::start(&site.orders(mode));
    let (server, address) = watch::channel(process.address);
    let closing = Arc::<AtomicBool>::default();
    let clients: Vec<_> =
        (0..CLIENTS).map(|_| tokio::spawn(client(address.clone(), closing.clone()))).collect();
    for _ in 0..ROUNDS {
        let lifetime = 20 + u64::from(Uuid::new_v4().as_bytes()[0]);
        tokio::time::sleep(Duration::from_millis(lifetime)).await;
        process.kill();
        process = Process::start(&site.orders(mode));
        server.send_replace(process.address);
    }
    closing.store(true, Ordering::Relaxed);
    let mut keys = Vec::new();
    for client in clients {
        keys.extend(client.await.unwrap());
    }
    for key in &keys {
        assert_eq!(site.db.effects(key).await, 1, "{key}");
    }
    assert_eq!(site.provider.charges(), keys.len(), "one derived key for each request");
    let repeated = site.provider.calls().len() - keys.len();
    assert!(repeated > 0, "nothing was killed halfway");
}

macro_rules! killed_at_random_moments {
    ($($name:ident: $mode:ident on $site:ident,)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            each_request_has_one_row(site::$site().await, Mode::$mode).await;
        })*
    };
}

killed_at_random_moments!(
    killed_at_random_moments_atomic_on_postgres_slow: Atomic on postgres,
    killed_at_random_moments_atomic_on_sqlite_slow: Atomic on sqlite,
    killed_at_random_moments_optimistic_on_postgres_slow: Optimistic on postgres,
    killed_at_random_moments_optimistic_on_sqlite_slow: Optimistic on sqlite,
);
