use saas_blackbox::{Service, Target, fresh, id, invoice_body};
use serde_json::{Value, json};
use uuid::Uuid;

const CAP: usize = 1 << 20;

pub(crate) async fn a_wrong_or_missing_media_type_is_415(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let person =
        || json!({"name": "A", "email": format!("{}@example.com", fresh("c"))}).to_string();
    let path = format!("/customers/{}", id(&customer));
    let calls = || {
        [
            (service.operator().post("/tenants"), json!({"slug": "a", "name": "A"}).to_string()),
            (api.post("/customers").keyed(), person()),
            (api.patch(&path).if_match("*"), person()),
            (api.post("/invoices").keyed(), invoice_body(&customer).to_string()),
        ]
    };
    for wrong in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "json",
        "text/json",
        "*/*",
        "",
    ] {
        for (call, body) in calls() {
            call.body(wrong, body).await.expect(415);
        }
    }
    for (call, body) in calls() {
        call.bytes(body).await.expect(415);
    }
    for (call, body) in calls() {
        let call = call.header("content-encoding", "gzip");
        call.body("application/json", body).await.expect(415);
    }
    assert_eq!(api.ids("/customers", "").await.len(), 1);
    for right in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        api.post("/customers").keyed().body(right, person()).await.expect(201);
    }
}

pub(crate) async fn a_body_over_one_mebibyte_is_413(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let person = json!({"name": "A", "email": "a@example.com"}).to_string();
    let padded = |length: usize| format!("{person}{}", " ".repeat(length - person.len()));
    let json_type = ("content-type", "application/json");

    let beyond = (CAP + 1).to_string();
    for (path, key) in [("/customers", "1"), ("/invoices", "2")] {
        // From the head alone: the body never comes.
        let head = [json_type, ("idempotency-key", key), ("content-length", beyond.as_str())];
        api.raw("POST", path, &head).await.finish(b"").await.expect(413);
        let chunked = [json_type, ("idempotency-key", key), ("transfer-encoding", "chunked")];
        let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", CAP + 1, padded(CAP + 1));
        api.raw("POST", path, &chunked).await.finish(chunk.as_bytes()).await.expect(413);
        // An endless one ends when the cap is reached.
        let endless = format!("{:x}\r\n{}\r\n", CAP, padded(CAP)) + "4\r\n    \r\n";
        api.raw("POST", path, &chunked).await.finish(endless.as_bytes()).await.expect(413);
    }
    service.operator().post("/tenants").body("application/json", padded(CAP + 1)).await.expect(413);
    let customer = api.customer().await;
    let path = format!("/customers/{}", id(&customer));
    api.patch(&path).if_match("*").body("application/json", padded(CAP + 1)).await.expect(413);
    assert_eq!(api.ids("/customers", "").await, [id(&customer)]);
    api.post("/customers").keyed().body("application/json", padded(CAP)).await.expect(201);
}

pub(crate) async fn malformed_json_is_400(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let path = format!("/customers/{}", id(&api.customer().await));
    for text in [
        &b""[..],
        b" ",
        b"{",
        b"nope",
        b"{\"name\": \"A\",}",
        b"{'name': 'A'}",
        b"{\"name\": \"A\", \"email\": \"a@example.com\"} {}",
        b"{\"name\": \"\xff\", \"email\": \"a@example.com\"}",
        b"{\"name\": \"a\nb\", \"email\": \"a@example.com\"}",
        b"\xef\xbb\xbf{\"name\": \"A\", \"email\": \"a@example.com\"}",
    ] {
        service.operator().post("/tenants").body("application/json", text).await.expect(400);
        api.post("/customers").keyed().body("application/json", text).await.expect(400);
        api.patch(&path).if_match("*").body("application/json", text).await.expect(400);
        api.post("/invoices").keyed().body("application/json", text).await.expect(400);
    }
}

pub(crate) async fn a_body_that_is_no_object_is_422(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let path = format!("/customers/{}", id(&api.customer().await));
    for text in ["null", "true", "7", "\"text\"", "[]", "[\"A\", \"a@example.com\"]"] {
        service.operator().post("/tenants").body("application/json", text).await.expect(422);
        api.post("/customers").keyed().body("application/json", text).await.expect(422);
        api.patch(&path).if_match("*").body("application/json", text).await.expect(422);
        api.post("/invoices").keyed().body("application/json", text).await.expect(422);
    }
}

pub(crate) async fn hostile_json_is_the_clients_error(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let deep = "[".repeat(100_000);
    for text in [
        "{\"name\": \"\\ud800\", \"email\": \"a@example.com\"}",
        "{\"name\": 1e999, \"email\": \"a@example.com\"}",
        "{\"name\": \"A\", \"name\": \"B\", \"email\": \"a@example.com\"}",
        &deep,
        &format!("{{\"name\": {deep}"),
    ] {
        let refused =
            api.post("/customers").keyed().body("application/json", text.to_owned()).await;
        let status = refused.status;
        assert!([400, 422].contains(&status), "{refused}");
        refused.expect(status);
    }
    assert!(api.ids("/customers", "").await.is_empty());
}

pub(crate) async fn an_unknown_member_is_422(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let mut tenant = json!({"slug": "a", "name": "A"});
    let mut person = json!({"name": "A", "email": "a@example.com"});
    let mut invoice = invoice_body(&customer);
    for body in [&mut tenant, &mut person, &mut invoice] {
        body["colour"] = json!("red");
    }
    let mut line = invoice_body(&customer);
    line["lines"][1]["colour"] = json!("red");
    let path = format!("/customers/{}", id(&customer));
    service.operator().post("/tenants").json(&tenant).await.expect(422).naming("colour");
    api.post("/customers").keyed().json(&person).await.expect(422).naming("colour");
    api.patch(&path)
        .if_match("*")
        .json(&json!({"colour": "red"}))
        .await
        .expect(422)
        .naming("colour");
    api.post("/invoices").keyed().json(&invoice).await.expect(422).naming("colour");
    api.post("/invoices").keyed().json(&line).await.expect(422).naming("lines[1].colour");
    // What the service sets is not the client's to send.
    person.as_object_mut().unwrap().remove("colour");
    person["id"] = json!(Uuid::now_v7().to_string());
    api.post("/customers").keyed().json(&person).await.expect(422).naming("id");
}

pub(crate) async fn a_nul_in_a_text_is_422(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let path = format!("/customers/{}", id(&customer));
    let set = |mut body: Value, pointer: &str| {
        *body.pointer_mut(pointer).unwrap() = json!("a\0b@example.com");
        body
    };
    let (tenant, person) =
        (json!({"slug": "a", "name": "A"}), json!({"name": "A", "email": "a@example.com"}));
    for (call, body, field) in [
        (service.operator().post("/tenants"), set(tenant.clone(), "/name"), "name"),
        (service.operator().post("/tenants"), set(tenant, "/slug"), "slug"),
        (api.post("/customers").keyed(), set(person.clone(), "/name"), "name"),
        (api.post("/customers").keyed(), set(person.clone(), "/email"), "email"),
        (api.patch(&path).if_match("*"), set(person.clone(), "/name"), "name"),
        (api.patch(&path).if_match("*"), set(person, "/email"), "email"),
        (api.post("/invoices").keyed(), set(invoice_body(&customer), "/currency"), "currency"),
        (
            api.post("/invoices").keyed(),
            set(invoice_body(&customer), "/lines/1/description"),
            "lines[1].description",
        ),
    ] {
        call.json(&body).await.expect(422).naming(field);
    }
}
