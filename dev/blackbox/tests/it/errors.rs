use std::collections::BTreeSet;

use saas_blackbox::{Service, Target, id};
use serde_json::json;
use uuid::Uuid;

pub(crate) async fn an_unknown_path_or_version_is_404(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v2/customers",
        "/api/v10/customers",
        "/customers",
        "/api/v1/nope",
        "/api/v1/customers/",
        "/api/v1/Customers",
        "/api/v1//customers",
        "/api/v1/jobs",
        "/healthz/x",
    ] {
        api.root("GET", path).await.expect(404);
    }
    service.anonymous().root("GET", "/nope").await.expect(404);
    api.post("/nope").keyed().json(&json!({})).await.expect(404);
}

pub(crate) async fn a_malformed_id_is_404(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let long = "a".repeat(5_000);
    for wrong in
        ["1", "nope", "%00", "%ff", "%2e%2e%2fx", "00000000-0000-0000-0000-00000000000g", &long]
    {
        for (method, path) in [
            ("GET", format!("/customers/{wrong}")),
            ("DELETE", format!("/customers/{wrong}")),
            ("POST", format!("/customers/{wrong}/restore")),
            ("GET", format!("/invoices/{wrong}")),
            ("DELETE", format!("/invoices/{wrong}")),
            ("POST", format!("/invoices/{wrong}/send")),
            ("GET", format!("/jobs/{wrong}")),
        ] {
            api.call(method, &path).keyed().await.expect(404);
        }
        api.patch(&format!("/customers/{wrong}"))
            .if_match("*")
            .json(&json!({"name": "A"}))
            .await
            .expect(404);
    }
}

pub(crate) async fn a_wrong_method_is_405_with_allow(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let absent = Uuid::now_v7();
    for (path, allowed) in [
        ("/healthz".to_owned(), "GET"),
        ("/api/v1/openapi.json".to_owned(), "GET"),
        ("/api/v1/tenants".to_owned(), "POST"),
        ("/api/v1/customers".to_owned(), "GET POST"),
        (format!("/api/v1/customers/{absent}"), "DELETE GET PATCH"),
        (format!("/api/v1/customers/{absent}/restore"), "POST"),
        ("/api/v1/invoices".to_owned(), "GET POST"),
        (format!("/api/v1/invoices/{absent}"), "DELETE GET"),
        (format!("/api/v1/invoices/{absent}/send"), "POST"),
        (format!("/api/v1/jobs/{absent}"), "GET"),
    ] {
        let allowed: BTreeSet<_> = allowed.split(' ').collect();
        for method in
            ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().filter(|m| !allowed.contains(m))
        {
            let refused = api.root(method, &path).keyed().json(&json!({})).await.expect(405);
            let allow = refused.must("allow").split(',').map(str::trim);
            let named: BTreeSet<_> =
                allow.filter(|method| !["HEAD", "OPTIONS"].contains(method)).collect();
            assert_eq!(named, allowed, "{refused}");
        }
    }
}

pub(crate) async fn head_answers_like_get_and_shows_nothing(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let path = format!("/api/v1/customers/{}", id(&api.customer().await));
    for path in ["/healthz", "/readyz", "/metrics", "/api/v1/customers", &path] {
        let (get, head) = (api.root("GET", path).await, api.root("HEAD", path).await);
        assert_eq!((head.status, head.header("etag")), (200, get.header("etag")), "{head}");
        assert!(!get.body.is_empty() && head.body.is_empty(), "{head}");
    }
    assert_eq!(api.root("HEAD", "/api/v1/customers/nope").await.status, 404);
}

pub(crate) async fn every_answer_has_its_own_request_id(target: Target) {
    let service = Service::start(target).await;
    let (api, anonymous) = (service.api().await, service.anonymous());
    // The client checks each: present, and of no other answer.
    for _ in 0..2 {
        for path in ["/healthz", "/readyz", "/metrics", "/nope", "/api/v1/openapi.json"] {
            let _ = anonymous.root("GET", path).await;
        }
        anonymous.get("/customers").await.expect(401);
        api.get("/customers").header("x-tenant", "other").await.expect(403);
        api.get("/customers?limit=x").await.expect(400);
        api.get("/customers/x").await.expect(404);
        api.call("PUT", "/customers").await.expect(405);
        api.post("/customers").keyed().bytes("{}").await.expect(415);
        let person = json!({"name": "A", "email": "a@example.com"});
        api.post("/customers").key("k").json(&person).await.expect(201);
    }
}
