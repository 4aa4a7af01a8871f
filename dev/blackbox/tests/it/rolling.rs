//! A deployment: two instances behind a balancer are replaced one after the other, under traffic.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use saas_blackbox::{Balancer, Client, Service, Target, eventually, fresh, id, with_query};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

pub(crate) async fn a_rolling_restart_loses_no_request_and_doubles_none(target: Target) {
    let mut first = Service::install(target).await;
    // Longer than the balancer takes to find out: a probe may take two seconds.
    first.set("DRAIN_DELAY", "3");
    first.run(&[]).await;
    let mut second = first.beside();
    second.run(&[]).await;
    let balancer = Balancer::over(vec![first.anonymous(), second.anonymous()]).await;
    balancer.spreads_over(2).await;
    let api = balancer.client(&first.api().await);

    let stop = Arc::new(AtomicBool::new(false));
    let mut traffic = JoinSet::new();
    for number in 0..6 {
        traffic.spawn(writes(api.clone(), number % 2 == 0, stop.clone()));
    }
    for instance in [&mut first, &mut second] {
        sleep(Duration::from_millis(300)).await;
        replace(instance, &api).await;
        balancer.spreads_over(2).await;
    }
    sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);

    // A task that lost a request has panicked.
    let made: Vec<String> = traffic.join_all().await.concat();
    let once: BTreeSet<_> = made.iter().cloned().collect();
    assert_eq!(once.len(), made.len(), "two keys made one customer");
    assert!(made.len() > 100, "only {} were made", made.len());
    let kept = all_customers(&api).await;
    assert_eq!(kept.len(), made.len());
    assert_eq!(kept.into_iter().collect::<BTreeSet<_>>(), once);
}

/// Makes customers, each asked for twice under one key, until told to stop; their ids.
async fn writes(api: Client, on_one_connection: bool, stop: Arc<AtomicBool>) -> Vec<String> {
    let (mut kept, mut made) = (api.kept(), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let key = fresh("key");
        let body = json!({"name": "A customer", "email": format!("{key}@example.com")}).to_string();
        let mut customers = Vec::new();
        for again in [false, true] {
            let reply = if on_one_connection {
                kept.post("/customers", &key, &body).await
            } else {
                api.post("/customers").body("application/json", body.clone()).key(&key).await
            };
            customers.push(reply.expect(201).replayed(again).json());
        }
        assert_eq!(customers[0], customers[1]);
        made.push(id(&customers[0]).to_owned());
        sleep(Duration::from_millis(10)).await;
    }
    made
}

/// SIGTERM; the instance is not ready any more but goes on answering, then ends; another takes its place.
async fn replace(instance: &mut Service, api: &Client) {
    let direct = instance.anonymous().with_token(api.token());
    instance.process().ask_to_end();
    eventually("GET /readyz is 503", Duration::from_secs(2), async || {
        let reply = direct.root("GET", "/readyz").attempt().await.ok()?;
        (reply.status == 503).then_some(())
    })
    .await;
    let answer = direct.get("/customers").await.expect(200);
    assert_eq!(answer.must("connection"), "close");
    let status = instance.end().await;
    assert_eq!(status.code(), Some(0), "{status}");
    instance.run(&[]).await;
}

async fn all_customers(api: &Client) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let path = with_query("/customers", &["limit=100", &after]);
        let page = api.get(&path).await.expect(200).json();
        ids.extend(page["items"].as_array().expect("items").iter().map(|row| id(row).to_owned()));
        if page["page"]["has_next"] == false {
            return ids;
        }
        after = format!("after={}", page["page"]["end_cursor"].as_str().expect("a cursor"));
    }
}
