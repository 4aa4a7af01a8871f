//! Many times more requests at once than there are connections to the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use saas_blackbox::{Client, Connection, Reply, Service, Target};
use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

const REQUESTS: usize = 10_000;
const KEYS: usize = 100;
const BOUND: Duration = Duration::from_secs(85);

pub(crate) async fn ten_thousand_requests_in_flight_over_a_hundred_keys_make_a_hundred_customers_slow(
    target: Target,
) {
    // Here and, since children inherit it, in the service.
    allow_open_files(REQUESTS as u64 + 1_000);
    let service = Service::start(target).await;
    let api = service.api().await;
    let answers = timeout(BOUND, crowd(&api)).await.expect("an answer to everyone in time");

    let mut seen = BTreeMap::new();
    for reply in answers {
        let reply = reply.expect_one_of(&[201, 409]);
        if reply.status == 409 {
            reply.must("retry-after").parse::<u64>().expect("seconds");
        }
        *seen.entry((reply.status, reply.header("idempotency-replayed").is_some())).or_insert(0) +=
            1;
    }
    assert_eq!(seen[&(201, false)], KEYS, "{seen:?}");
    assert_eq!(seen.values().sum::<usize>(), REQUESTS, "{seen:?}");

    // Whoever was told to come back gets the reply.
    for key in 0..KEYS {
        let body = body(key);
        let call = api.post("/customers").body("application/json", body).key(name(key));
        call.await.expect(201).replayed(true);
    }
    let customers = api.get("/customers?limit=100").await.expect(200).json();
    assert_eq!(customers["items"].as_array().expect("items").len(), KEYS);
    assert_eq!(customers["page"]["has_next"], false);

    // Nobody was forgotten inside or in line.
    let metrics = service.anonymous().root("GET", "/metrics").await.expect(200);
    let metrics = String::from_utf8(metrics.body).unwrap();
    let gauges: Vec<_> = metrics.lines().filter(|line| line.starts_with("admission_")).collect();
    assert!(gauges.len() >= 3, "{metrics}");
    assert!(gauges.iter().all(|gauge| gauge.ends_with(" 0")), "{gauges:#?}");
}

/// Bodies that do not come take up places for as long as they may: those of their own key.
pub(crate) async fn nobody_waits_for_another_tenants_bodies(target: Target) {
    let service = Service::start(target).await;
    let (slow, quick) = (service.api().await, service.api().await);
    let head = [
        ("content-type", "application/json"),
        ("content-length", "1000"),
        ("idempotency-key", "k"),
        ("expect", "100-continue"),
    ];
    let mut stalled = slow.raw("POST", "/customers", &head).await;
    stalled.wait_for_continue().await;
    let mut others = Vec::new();
    // More than there are places in all.
    for number in 0..250 {
        let key = format!("k{number}");
        let head = head.map(|(name, value)| match name {
            "idempotency-key" => (name, key.as_str()),
            _ => (name, value),
        });
        others.push(slow.raw("POST", "/customers", &head).await);
    }
    for _ in 0..3 {
        let answer = timeout(Duration::from_secs(10), quick.customer());
        answer.await.expect("an answer to another tenant");
    }
    let metrics = service.anonymous().root("GET", "/metrics").await.expect(200);
    let metrics = String::from_utf8(metrics.body).unwrap();
    let line =
        metrics.lines().find_map(|line| line.strip_prefix("admission_waiting{gate=\"key\"} "));
    assert!(line.is_some_and(|waiting| waiting != "0"), "{metrics}");
    drop((stalled, others));
    slow.customer().await;
}

/// Opens every connection, and only then sends on all of them at once.
async fn crowd(api: &Client) -> Vec<Reply> {
    let all_connected = Arc::new(Barrier::new(REQUESTS));
    let (sent, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut calls = JoinSet::new();
    for number in 0..REQUESTS {
        if number % 1_000 == 0 {
            // Connections are accepted in their order: once this is answered, the kernel holds none.
            // Not more often, since a connection on which nothing is said for long is closed.
            api.root("GET", "/healthz").await.expect(200);
        }
        let connection = api.connect().await;
        let (all_connected, sent, answered) =
            (all_connected.clone(), sent.clone(), answered.clone());
        calls.spawn(async move {
            all_connected.wait().await;
            let reply = create(connection, number % KEYS, || {
                if sent.fetch_add(1, Ordering::Relaxed) + 1 == REQUESTS {
                    let answered = answered.load(Ordering::Relaxed);
                    assert!(answered < REQUESTS / 10, "{answered} were answered before");
                }
            })
            .await;
            answered.fetch_add(1, Ordering::Relaxed);
            reply
        });
    }
    calls.join_all().await
}

async fn create(connection: Connection, key: usize, sent: impl FnOnce()) -> Reply {
    let body = body(key);
    let (key, length) = (name(key), body.len().to_string());
    let headers = [
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
        ("idempotency-key", key.as_str()),
    ];
    let call = connection.send("POST", "/customers", &headers).await;
    sent();
    call.within(BOUND).finish(body.as_bytes()).await
}

fn name(key: usize) -> String {
    format!("key-{key}")
}

fn body(key: usize) -> String {
    json!({"name": "A customer", "email": format!("c{key}@example.com")}).to_string()
}

fn allow_open_files(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).unwrap_or_else(|error| {
            panic!("needs `ulimit -n {wanted}`, and may not raise it from {limit:?}: {error}")
        });
    }
}
