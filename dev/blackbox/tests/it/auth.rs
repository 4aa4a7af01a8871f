use std::collections::BTreeSet;

use saas_blackbox::{Call, Client, PATIENCE, Service, Target, eventually, id, invoice_body};
use serde_json::{Value, json};
use uuid::Uuid;

/// Every call that needs a key, with a body that would do where one is due.
fn calls(customer: &str, invoice: &str, job: &str) -> Vec<(&'static str, String, Option<Value>)> {
    let person = json!({"name": "A", "email": "a@example.com"});
    vec![
        ("GET", "/customers".into(), None),
        ("POST", "/customers".into(), Some(person.clone())),
        ("GET", "/invoices".into(), None),
        ("POST", "/invoices".into(), Some(invoice_body(&json!({"id": customer})))),
        ("GET", format!("/customers/{customer}"), None),
        ("PATCH", format!("/customers/{customer}"), Some(person)),
        ("DELETE", format!("/customers/{customer}"), None),
        ("POST", format!("/customers/{customer}/restore"), None),
        ("GET", format!("/invoices/{invoice}"), None),
        ("DELETE", format!("/invoices/{invoice}"), None),
        ("POST", format!("/invoices/{invoice}/send"), None),
        ("GET", format!("/jobs/{job}"), None),
    ]
}

pub(crate) async fn a_missing_or_wrong_key_is_401_everywhere(target: Target) {
    let service = Service::start(target).await;
    let (anonymous, api) = (service.anonymous(), service.api().await);
    let absent = Uuid::now_v7().to_string();
    for (method, path, body) in calls(&absent, &absent, &absent) {
        let call = anonymous.call(method, &path).keyed();
        let refused = if let Some(body) = body { call.json(&body).await } else { call.await };
        assert!(refused.expect(401).must("www-authenticate").starts_with("Bearer"));
    }
    let key = api.token();
    for wrong in [
        "Bearer wrong",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        key,
        &format!("Bearer {key}x"),
        &format!("Token {key}"),
    ] {
        let refused = anonymous.get("/customers").header("authorization", wrong).await.expect(401);
        assert!(refused.must("www-authenticate").starts_with("Bearer"), "{refused}");
    }
    // RFC 9110: a scheme has no case.
    anonymous.get("/customers").header("authorization", format!("bearer {key}")).await.expect(200);
}

pub(crate) async fn a_tenant_header_that_is_not_the_keys_is_403(target: Target) {
    let service = Service::start(target).await;
    let (mine, other) = (service.tenant().await, service.tenant().await);
    let list = async |slug: &str| mine.api.get("/customers").header("x-tenant", slug).await;
    list(&mine.slug).await.expect(200);
    let existing = list(&other.slug).await.expect(403);
    let absent = list("nobody-has-this").await.expect(403);
    assert_eq!(existing.json(), absent.json(), "a 403 tells which tenants there are");
    let write = mine.api.post("/customers").header("x-tenant", &other.slug).keyed();
    write.json(&json!({"name": "A", "email": "a@example.com"})).await.expect(403);
    assert!(mine.api.ids("/customers", "").await.is_empty());
    assert!(other.api.ids("/customers", "").await.is_empty());
}

pub(crate) async fn a_subdomain_that_is_not_the_keys_is_403(target: Target) {
    let mut service = Service::install(target).await;
    service.set("BASE_DOMAIN", "invoicing.example");
    service.run(&[]).await;
    let (mine, other) = (service.tenant().await, service.tenant().await);
    let list = async |host: &str| mine.api.get("/customers").header("host", host).await;
    for host in [
        format!("{}.invoicing.example", mine.slug),
        format!("{}.invoicing.example:8080", mine.slug),
    ] {
        list(&host).await.expect(200);
    }
    for host in
        [format!("{}.invoicing.example", other.slug), "nobody-has-this.invoicing.example".into()]
    {
        list(&host).await.expect(403);
    }
    // No subdomain says nothing.
    list("invoicing.example").await.expect(200);
    list(&mine.api.authority()).await.expect(200);
}

pub(crate) async fn another_tenants_row_is_like_a_missing_one(target: Target) {
    let service = Service::start(target).await;
    let (owner, stranger) = (service.api().await, service.api().await);
    let customer = owner.customer().await;
    let (invoice, sent) = (owner.invoice(&customer).await, owner.draft().await);
    let job = owner.send(&sent).await;
    owner.done(&job).await;

    let absent = Uuid::now_v7().to_string();
    let foreign = calls(id(&customer), id(&invoice), &job);
    let missing = calls(&absent, &absent, &absent);
    for ((method, path, body), (_, absent_path, absent_body)) in
        foreign.into_iter().zip(missing).skip(4)
    {
        let ask = async |path: &str, body: Option<Value>| {
            let call = stranger.call(method, path).keyed().if_match("*");
            let reply =
                if let Some(body) = body { call.json(&body).await } else { call.await }.expect(404);
            let names: BTreeSet<_> =
                reply.headers.keys().map(|name| name.as_str().to_owned()).collect();
            let asked = path.split('/').nth(2).unwrap();
            (String::from_utf8(reply.body).unwrap().replace(asked, "ID"), names)
        };
        assert_eq!(ask(&path, body).await, ask(&absent_path, absent_body).await, "{method} {path}");
    }
    assert_eq!(owner.read("/customers", &customer).await, customer);
    assert_eq!(owner.read("/invoices", &invoice).await, invoice);
}

pub(crate) async fn a_list_holds_the_tenants_own_rows(target: Target) {
    let service = Service::start(target).await;
    let tenants = [service.api().await, service.api().await];
    let mut rows = Vec::new();
    for api in &tenants {
        let customer = api.customer().await;
        rows.push((id(&customer).to_owned(), id(&api.invoice(&customer).await).to_owned()));
    }
    let lists =
        async |api: &Client| (api.ids("/customers", "").await, api.ids("/invoices", "").await);
    for (api, (customer, invoice)) in tenants.iter().zip(rows) {
        assert_eq!(lists(api).await, (vec![customer], vec![invoice]));
    }
}

/// Fails to log in until it is told to wait.
async fn exhausted(guesser: impl Fn() -> Call) {
    for _ in 0..200 {
        let refused = guesser().await.expect_one_of(&[401, 429]);
        if refused.status == 429 {
            assert!(refused.must("retry-after").parse::<u64>().expect("seconds") > 0, "{refused}");
            return;
        }
    }
    panic!("200 failed logins and no end");
}

pub(crate) async fn too_many_failed_logins_are_429_and_nobody_else_suffers(target: Target) {
    let service = Service::start(target).await;
    let (api, newcomer) = (service.api().await, service.api().await);
    // A token that is missing is no failed login.
    for _ in 0..60 {
        service.anonymous().get("/customers").await.expect(401);
    }
    api.get("/customers").await.expect(200);
    exhausted(|| service.anonymous().with_token("guess").get("/customers")).await;
    // A guess that is right is told nothing either, be it the operator's token or a key.
    let tenant = json!({"slug": "a", "name": "A"});
    service.operator().post("/tenants").json(&tenant).await.expect(429);
    newcomer.get("/customers").await.expect(429);
    // A key that was let in before is none.
    for _ in 0..60 {
        api.get("/customers").await.expect(200);
    }
    eventually("the address may try again", PATIENCE, async || {
        let again = newcomer.get("/customers").await.expect_one_of(&[200, 429]);
        (again.status == 200).then_some(())
    })
    .await;
}

pub(crate) async fn a_trusted_proxy_says_who_the_client_is(target: Target) {
    let mut service = Service::install(target).await;
    service.set("TRUSTED_PROXIES", "127.0.0.0/8");
    service.run(&[]).await;
    let guesser = service.anonymous().with_token("guess");
    let from = |addresses: &str| guesser.get("/customers").header("x-forwarded-for", addresses);
    exhausted(|| from("203.0.113.1")).await;
    from("203.0.113.2").await.expect(401);
    // What a client writes before its own address is nobody's.
    from("203.0.113.3, 203.0.113.1").await.expect(429);
}
