use saas_blackbox::{Call, Reply, Service, Target, fresh, id, invoice_body};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

fn person(email: &str) -> Value {
    json!({"name": "A", "email": email})
}

fn without_request_id(reply: &Reply) -> (u16, String, Vec<Option<String>>) {
    let headers =
        ["location", "etag", "content-type"].map(|name| reply.header(name).map(str::to_owned));
    (reply.status, String::from_utf8(reply.body.clone()).unwrap(), headers.into())
}

pub(crate) async fn a_missing_or_malformed_key_is_400(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let invoice = api.invoice(&customer).await;
    let send = format!("/invoices/{}/send", id(&invoice));
    let calls: [&dyn Fn() -> Call; 3] = [
        &|| api.post("/customers").json(&person("b@example.com")),
        &|| api.post("/invoices").json(&invoice_body(&customer)),
        &|| api.post(&send),
    ];
    let long = "k".repeat(256);
    let malformed: [&[u8]; 8] = [
        b"",
        b"\"\"",
        b"two words",
        b"\"open",
        b"caf\xc3\xa9",
        b"tab\there",
        b"\"a\" \"b\"",
        long.as_bytes(),
    ];
    for call in calls {
        call().await.expect(400);
        call().key("one").key("two").await.expect(400);
        call().key("same").key("same").await.expect(400);
        for key in malformed {
            call().key(key).await.expect(400);
        }
    }
    assert_eq!(api.ids("/customers", "").await.len(), 1);
    assert_eq!(api.ids("/invoices", "status=draft").await, [id(&invoice)]);
    for key in ["k", &long[1..], "~!@#$%^&*()"] {
        api.post("/customers")
            .json(&person(&format!("{}@example.com", fresh("c"))))
            .key(key)
            .await
            .expect(201);
    }
}

pub(crate) async fn a_retry_replays_the_answer(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let send = format!("/invoices/{}/send", id(&api.draft().await));
    let calls: [&dyn Fn() -> Call; 3] = [
        &|| api.post("/customers").json(&person("b@example.com")).key("customer"),
        &|| api.post("/invoices").json(&invoice_body(&customer)).key("invoice"),
        &|| api.post(&send).key("send"),
    ];
    for call in calls {
        let first = call().await.replayed(false);
        assert!([201, 202].contains(&first.status), "{first}");
        for _ in 0..2 {
            let again = call().await.replayed(true);
            assert_eq!(without_request_id(&again), without_request_id(&first));
        }
    }
    assert_eq!(api.ids("/customers", "").await.len(), 3);
    assert_eq!(api.ids("/invoices", "").await.len(), 2);
}

pub(crate) async fn a_quoted_key_is_the_bare_one(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let call = |key: &str| api.post("/customers").json(&person("a@example.com")).key(key);
    let first = call("8e03978e").await.expect(201).replayed(false);
    let again = call("\"8e03978e\"").await.expect(201).replayed(true);
    assert_eq!(first.json(), again.json());
}

pub(crate) async fn a_key_for_another_request_is_422(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer =
        api.post("/customers").json(&person("a@example.com")).key("k").await.expect(201).json();
    api.post("/customers")
        .json(&person("b@example.com"))
        .key("k")
        .await
        .expect(422)
        .replayed(false);
    api.post("/invoices").json(&invoice_body(&customer)).key("k").await.expect(422).replayed(false);
    assert_eq!(api.ids("/customers", "").await, [id(&customer)]);
    assert!(api.ids("/invoices", "").await.is_empty());
    // The mismatch took nothing from the first.
    api.post("/customers").json(&person("a@example.com")).key("k").await.expect(201).replayed(true);
}

pub(crate) async fn equal_keys_of_two_tenants_are_strangers(target: Target) {
    let service = Service::start(target).await;
    let (one, two) = (service.api().await, service.api().await);
    let first =
        one.post("/customers").json(&person("a@example.com")).key("k").await.expect(201).json();
    let same = two
        .post("/customers")
        .json(&person("a@example.com"))
        .key("k")
        .await
        .expect(201)
        .replayed(false);
    assert_ne!(id(&same.json()), id(&first));
    one.post("/customers").json(&person("b@example.com")).key("l").await.expect(201);
    two.post("/customers")
        .json(&person("c@example.com"))
        .key("l")
        .await
        .expect(201)
        .replayed(false);
}

pub(crate) async fn what_the_handler_decided_is_kept(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let taken = api.customer_as("A", "a@example.com").await;
    let sent = api.draft().await;
    api.done(&api.send(&sent).await).await;
    let absent = Uuid::now_v7().to_string();
    let decisions: [(u16, &dyn Fn() -> Call); 5] = [
        (409, &|| api.post("/customers").json(&person("a@example.com")).key("taken")),
        (422, &|| api.post("/customers").json(&person("nope")).key("invalid")),
        (422, &|| api.post("/invoices").json(&invoice_body(&json!({"id": absent}))).key("foreign")),
        (404, &|| api.post(&format!("/invoices/{absent}/send")).key("missing")),
        (409, &|| api.post(&format!("/invoices/{}/send", id(&sent))).key("sent")),
    ];
    let mut first = Vec::new();
    for (status, call) in &decisions {
        first.push(without_request_id(&call().await.expect(*status).replayed(false)));
    }
    // The address is free now, and still the decision stands.
    api.delete(&format!("/customers/{}", id(&taken))).await.expect(204);
    for ((status, call), first) in decisions.iter().zip(first) {
        assert_eq!(without_request_id(&call().await.expect(*status).replayed(true)), first);
    }
}

pub(crate) async fn what_was_answered_before_the_handler_is_not_kept(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let answers: [(u16, &dyn Fn(Call) -> Call); 5] = [
        (400, &|call| call.body("application/json", "{\"name\":")),
        (415, &|call| call.body("text/plain", person("a@example.com").to_string())),
        (415, &|call| call.bytes(person("a@example.com").to_string())),
        (413, &|call| call.body("application/json", " ".repeat((1 << 20) + 1))),
        (401, &|call| call.header("authorization", "Bearer wrong").json(&person("a@example.com"))),
    ];
    for (number, (status, spoil)) in answers.into_iter().enumerate() {
        let client = if status == 401 { service.anonymous() } else { api.clone() };
        let key = format!("key-{number}");
        spoil(client.post("/customers").key(&key)).await.expect(status).replayed(false);
        let good = person(&format!("{}@example.com", fresh("c")));
        api.post("/customers").json(&good).key(&key).await.expect(201).replayed(false);
    }
}

pub(crate) async fn simultaneous_duplicates_make_one_row(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    for round in 0..5 {
        let mut calls = JoinSet::new();
        for _ in 0..8 {
            let call = api
                .post("/customers")
                .json(&person(&format!("c{round}@example.com")))
                .key(format!("k{round}"));
            calls.spawn(call.into_future());
        }
        let mut executed = Vec::new();
        while let Some(reply) = calls.join_next().await {
            let reply = reply.unwrap();
            match reply.status {
                201 if reply.header("idempotency-replayed").is_none() => {
                    executed.push(id(&reply.json()).to_owned());
                }
                201 => {}
                // In flight.
                _ => drop(reply.expect(409).must("retry-after").parse::<u64>().expect("seconds")),
            }
        }
        assert_eq!(executed.len(), 1);
        assert_eq!(api.ids("/customers", "").await[0], executed[0]);
    }
    assert_eq!(api.ids("/customers", "").await.len(), 5);
}

pub(crate) async fn a_replay_outlives_a_restart(target: Target) {
    let mut service = Service::start(target).await;
    let api = service.api().await;
    let call = || api.post("/customers").json(&person("a@example.com")).key("k");
    let first = call().await.expect(201);
    service.restart().await;
    assert_eq!(without_request_id(&call().await.replayed(true)), without_request_id(&first));
}
