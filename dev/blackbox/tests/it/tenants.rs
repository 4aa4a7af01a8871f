use saas_blackbox::{Service, Target, fresh};
use serde_json::json;

pub(crate) async fn a_tenant_is_made_with_the_operators_token(target: Target) {
    let service = Service::start(target).await;
    let slug = fresh("acme");
    let body = json!({"slug": slug, "name": "Acme"});
    let made = service.operator().post("/tenants").json(&body).await.expect(201).json();
    assert_eq!((&made["slug"], &made["name"]), (&json!(slug), &json!("Acme")));
    assert!(made["id"].is_string());
    let api = service.anonymous().with_token(made["api_key"].as_str().unwrap());
    api.get("/customers").await.expect(200);
    assert_ne!(api.token(), service.tenant().await.api.token());
}

pub(crate) async fn tenants_need_the_operators_token(target: Target) {
    let service = Service::start(target).await;
    let (anonymous, api) = (service.anonymous(), service.api().await);
    for client in [&anonymous, &anonymous.with_token("not-the-operator"), &api] {
        let refused = client
            .post("/tenants")
            .json(&json!({"slug": "acme", "name": "Acme"}))
            .await
            .expect(401);
        assert!(refused.must("www-authenticate").starts_with("Bearer"), "{refused}");
    }
    service.operator().get("/customers").await.expect(401);
}

pub(crate) async fn a_taken_slug_is_a_conflict(target: Target) {
    let service = Service::start(target).await;
    let tenant = service.tenant().await;
    let again = json!({"slug": tenant.slug, "name": "Another"});
    service.operator().post("/tenants").json(&again).await.expect(409);
    tenant.api.get("/customers").await.expect(200);
}

pub(crate) async fn a_slug_that_does_not_match_is_invalid(target: Target) {
    let service = Service::start(target).await;
    let post = async |slug: &str| {
        service.operator().post("/tenants").json(&json!({"slug": slug, "name": "A"})).await
    };
    let long = "a".repeat(64);
    for slug in ["", "-", "-a", "a-", "a--b", "A", "a_b", "a.b", "a b", " a", "a\n", "ä", &long] {
        post(slug).await.expect(422).naming("slug");
    }
    for slug in ["a", "7", "a-b-3", "2026", &long[..63]] {
        post(slug).await.expect(201);
    }
}

pub(crate) async fn a_tenants_name_has_1_to_200_characters(target: Target) {
    let service = Service::start(target).await;
    let post = async |name: &str| {
        service.operator().post("/tenants").json(&json!({"slug": fresh("t"), "name": name})).await
    };
    for name in ["", " \t\n ", &"é".repeat(201)] {
        post(name).await.expect(422).naming("name");
    }
    for name in ["A", &"é".repeat(200)] {
        let made = post(&format!(" {name} ")).await.expect(201).json();
        assert_eq!(made["name"], name);
    }
}
