use saas_blackbox::{Service, Target, id};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) async fn a_customer_is_made_with_location_and_etag(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let body = json!({"name": "Ann", "email": "Ann@Example.com"});
    let made = api.post("/customers").json(&body).keyed().await.expect(201);
    let customer = made.json();
    assert_eq!((&customer["name"], &customer["email"]), (&body["name"], &body["email"]));
    assert_eq!(made.must("location"), format!("/api/v1/customers/{}", id(&customer)));
    let read = api.root("GET", made.must("location")).await.expect(200);
    assert_eq!((read.json(), read.etag()), (customer.clone(), made.etag()));
    assert_eq!(api.get("/customers").await.expect(200).json()["items"], json!([customer]));
}

pub(crate) async fn a_taken_email_is_a_conflict_whatever_its_case(target: Target) {
    let service = Service::start(target).await;
    let (api, other) = (service.api().await, service.api().await);
    api.customer_as("Ann", "Ann@Example.com").await;
    let bob = api.customer_as("Bob", "bob@example.com").await;
    for email in ["Ann@Example.com", "ann@example.com", "ANN@EXAMPLE.COM"] {
        let body = json!({"name": "Ann again", "email": email});
        api.post("/customers").json(&body).keyed().await.expect(409);
        let path = format!("/customers/{}", id(&bob));
        api.patch(&path).json(&json!({"email": email})).if_match("*").await.expect(409);
    }
    assert_eq!(api.ids("/customers", "").await.len(), 2);
    other.customer_as("Ann", "ann@example.com").await;
    // Its own address in another case is nobody else's.
    let path = format!("/customers/{}", id(&bob));
    let changed =
        api.patch(&path).json(&json!({"email": "BOB@example.com"})).if_match("*").await.expect(200);
    assert_eq!(changed.json()["email"], "BOB@example.com");
}

pub(crate) async fn a_customers_name_has_1_to_200_characters(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    for name in ["", " \t\n ", &"é".repeat(201)] {
        let body = json!({"name": name, "email": "a@example.com"});
        api.post("/customers").json(&body).keyed().await.expect(422).naming("name");
    }
    for (email, name) in [("a@example.com", "A"), ("b@example.com", "é".repeat(200).as_str())] {
        assert_eq!(api.customer_as(&format!(" {name} "), email).await["name"], name);
    }
}

/// Bodies of `POST` and `PATCH` with the field that is wrong.
fn invalid() -> Vec<(Value, &'static str)> {
    let emails = ["", " ", "nope", "@example.com", "ann@", "ann@example.com\nbcc: x@example.com"];
    let mut cases: Vec<_> =
        emails.map(|email| (json!({"name": "A", "email": email}), "email")).into();
    for value in [json!(null), json!(1), json!(["a@example.com"]), json!({})] {
        cases.push((json!({"name": "A", "email": value}), "email"));
        cases.push((json!({"name": value, "email": "a@example.com"}), "name"));
    }
    cases
}

pub(crate) async fn a_customers_email_must_be_one(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    for (body, field) in invalid() {
        api.post("/customers").json(&body).keyed().await.expect(422).naming(field);
    }
    for (body, field) in
        [(json!({"name": "A"}), "email"), (json!({"email": "a@example.com"}), "name")]
    {
        api.post("/customers").json(&body).keyed().await.expect(422).naming(field);
    }
    assert!(api.ids("/customers", "").await.is_empty());
}

pub(crate) async fn a_patch_changes_what_it_names_and_the_etag(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer_as("Ann", "ann@example.com").await;
    let path = format!("/customers/{}", id(&customer));
    let mut tag = api.get(&path).await.expect(200).etag();
    for (change, name, email) in [
        (json!({"name": " Anna "}), "Anna", "ann@example.com"),
        (json!({"email": "Anna@example.com"}), "Anna", "Anna@example.com"),
        (json!({"name": "Ann", "email": "ann@example.com"}), "Ann", "ann@example.com"),
    ] {
        let changed = api.patch(&path).json(&change).if_match(&tag).await.expect(200);
        let (row, new) = (changed.json(), changed.etag());
        assert_eq!(
            (&row["name"], &row["email"], &row["id"]),
            (&json!(name), &json!(email), &customer["id"])
        );
        assert_ne!(new, tag, "{changed}");
        let read = api.get(&path).await.expect(200);
        assert_eq!((read.json(), read.etag()), (row, new.clone()));
        api.patch(&path).json(&change).if_match(&tag).await.expect(412);
        tag = new;
    }
}

pub(crate) async fn a_patch_needs_if_match(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let path = format!("/customers/{}", id(&customer));
    let tag = api.get(&path).await.expect(200).etag();
    let change = || api.patch(&path).json(&json!({"name": "Changed"}));
    change().await.expect(428);
    // `If-Match` compares strongly: a weak tag never matches.
    for stale in ["\"stale\"", "\"\"", &format!("W/{tag}")] {
        change().if_match(stale).await.expect(412);
    }
    assert_eq!(api.read("/customers", &customer).await, customer);
    change().if_match(&tag).await.expect(200);
    change().if_match("*").await.expect(200);
}

pub(crate) async fn a_deletion_minds_if_match(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let draft = api.draft().await;
    let customer = draft["customer_id"].as_str().expect("a customer_id");
    let deletions = [format!("/invoices/{}", id(&draft)), format!("/customers/{customer}")];
    for path in &deletions {
        let tag = api.get(path).await.expect(200).etag();
        api.delete(path).if_match("\"stale\"").await.expect(412);
        api.get(path).await.expect(200);
        api.delete(path).if_match(&tag).await.expect(204);
        api.delete(path).if_match(&tag).await.expect(404);
    }
}

pub(crate) async fn a_missing_customer_is_404_before_if_match(target: Target) {
    let service = Service::start(target).await;
    let (api, other) = (service.api().await, service.api().await);
    let (deleted, foreign) = (api.customer().await, other.customer().await);
    api.delete(&format!("/customers/{}", id(&deleted))).await.expect(204);
    for gone in [id(&deleted), id(&foreign), &Uuid::now_v7().to_string()] {
        let change = || api.patch(&format!("/customers/{gone}")).json(&json!({"name": "Changed"}));
        change().await.expect(404);
        change().if_match("\"stale\"").await.expect(404);
        change().if_match("*").await.expect(404);
    }
}

pub(crate) async fn a_patch_is_checked_like_a_new_customer(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let path = format!("/customers/{}", id(&customer));
    for (body, field) in invalid() {
        api.patch(&path).json(&body).if_match("*").await.expect(422).naming(field);
    }
    for name in ["", "  ", &"é".repeat(201)] {
        api.patch(&path)
            .json(&json!({"name": name}))
            .if_match("*")
            .await
            .expect(422)
            .naming("name");
    }
    assert_eq!(api.read("/customers", &customer).await, customer);
}
