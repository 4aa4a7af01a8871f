use std::collections::BTreeSet;

use saas_blackbox::{Service, Target, id, invoice_body};
use serde_json::json;
use uuid::Uuid;

pub(crate) async fn a_refused_send_leaves_no_job(target: Target) {
    let mut service = Service::start(target).await;
    let (api, other) = (service.api().await, service.api().await);
    let (sent, foreign) = (api.draft().await, other.draft().await);
    let first = api.send(&sent).await;
    api.done(&first).await;
    for (refused, status) in
        [(id(&sent), 409), (id(&foreign), 404), (&Uuid::now_v7().to_string(), 404)]
    {
        for _ in 0..3 {
            api.post(&format!("/invoices/{refused}/send")).keyed().await.expect(status);
        }
    }
    assert_eq!(other.read("/invoices", &foreign).await, foreign);
    // A job that should not be would have been taken before these, and the drain waits for it.
    let mut jobs = BTreeSet::from([first]);
    for api in [&api, &other] {
        let job = api.send(&api.draft().await).await;
        api.done(&job).await;
        jobs.insert(job);
    }
    assert!(service.terminate().await.success());
    assert_eq!(service.mails(), jobs);
}

pub(crate) async fn a_refused_body_leaves_no_row(target: Target) {
    let service = Service::start(target).await;
    let (api, other) = (service.api().await, service.api().await);
    let (customer, foreign) = (api.customer_as("A", "a@example.com").await, other.customer().await);
    let mut last_line = invoice_body(&customer);
    last_line["lines"][1]["quantity"] = json!(0);
    for invoice in [invoice_body(&foreign), last_line] {
        api.post("/invoices").json(&invoice).key(Uuid::now_v7().to_string()).await.expect(422);
    }
    api.post("/customers")
        .json(&json!({"name": "B", "email": "A@example.com"}))
        .keyed()
        .await
        .expect(409);
    api.post("/customers")
        .json(&json!({"name": "", "email": "b@example.com"}))
        .keyed()
        .await
        .expect(422);
    for api in [&api, &other] {
        assert_eq!(api.ids("/customers", "").await.len(), 1);
        assert!(api.ids("/invoices", "").await.is_empty());
    }
    // Nothing holds what was refused.
    api.customer_as("B", "b@example.com").await;
}

pub(crate) async fn a_refused_change_leaves_the_row_as_it_was(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let (ann, _) = (api.customer().await, api.customer_as("B", "b@example.com").await);
    let path = format!("/customers/{}", id(&ann));
    let tag = api.get(&path).await.expect(200).etag();
    let change = |body| api.patch(&path).json(&body);
    change(json!({"name": "Changed", "email": "b@example.com"})).if_match("*").await.expect(409);
    change(json!({"name": "Changed", "email": "nope"})).if_match("*").await.expect(422);
    change(json!({"name": "Changed"})).if_match("\"stale\"").await.expect(412);
    change(json!({"name": "Changed"})).await.expect(428);
    let read = api.get(&path).await.expect(200);
    assert_eq!((read.json(), read.etag()), (ann.clone(), tag));

    // A deletion that is refused takes no draft with it.
    let (draft, sent) = (api.invoice(&ann).await, api.invoice(&ann).await);
    api.done(&api.send(&sent).await).await;
    api.delete(&path).await.expect(409);
    assert_eq!(api.read("/invoices", &draft).await, draft);
}
