use saas_blackbox::{Client, Service, Target, id};
use serde_json::{Value, json};
use uuid::Uuid;

async fn delete(api: &Client, list: &str, row: &Value) {
    let deleted = api.delete(&format!("{list}/{}", id(row))).await.expect(204);
    assert!(deleted.body.is_empty(), "{deleted}");
}

async fn restore(api: &Client, customer: &Value, status: u16) -> Value {
    let reply = api.post(&format!("/customers/{}/restore", id(customer))).await.expect(status);
    if status == 200 { reply.json() } else { Value::Null }
}

async fn drafts(api: &Client, customer: &Value) -> Vec<String> {
    api.ids("/invoices", &format!("sort=created_at&customer_id={}", id(customer))).await
}

pub(crate) async fn a_deleted_customer_is_gone(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer_as("Ann", "ann@example.com").await;
    delete(&api, "/customers", &customer).await;
    let path = format!("/customers/{}", id(&customer));
    api.get(&path).await.expect(404);
    api.delete(&path).await.expect(404);
    assert!(api.ids("/customers", "").await.is_empty());
    // Its address is free.
    api.customer_as("Ann", "ANN@example.com").await;
}

pub(crate) async fn a_customers_drafts_go_with_it_and_come_back(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer_as("Ann", "Ann@example.com").await;
    let invoices = [api.invoice(&customer).await, api.invoice(&customer).await];
    let other = api.draft().await;
    // Twice: what came back can go again.
    for _ in 0..2 {
        delete(&api, "/customers", &customer).await;
        assert_eq!(api.ids("/invoices", "").await, [id(&other)]);
        for invoice in &invoices {
            api.get(&format!("/invoices/{}", id(invoice))).await.expect(404);
            api.post(&format!("/invoices/{}/send", id(invoice))).keyed().await.expect(404);
        }
        let restored = restore(&api, &customer, 200).await;
        assert_eq!(
            (&restored["id"], &restored["email"]),
            (&customer["id"], &json!("Ann@example.com"))
        );
        assert_eq!(api.read("/customers", &customer).await, restored);
        for invoice in &invoices {
            let back = api.read("/invoices", invoice).await;
            for member in ["status", "total_minor", "lines", "due_on"] {
                assert_eq!(back[member], invoice[member]);
            }
        }
    }
    api.done(&api.send(&invoices[0]).await).await;
}

pub(crate) async fn a_draft_deleted_by_itself_stays_deleted(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let [before, taken, between] =
        [api.invoice(&customer).await, api.invoice(&customer).await, api.invoice(&customer).await];
    delete(&api, "/invoices", &before).await;
    delete(&api, "/customers", &customer).await;
    restore(&api, &customer, 200).await;
    assert_eq!(drafts(&api, &customer).await, [id(&taken), id(&between)]);
    // What an earlier deletion took is not what this one takes.
    delete(&api, "/invoices", &between).await;
    delete(&api, "/customers", &customer).await;
    restore(&api, &customer, 200).await;
    assert_eq!(drafts(&api, &customer).await, [id(&taken)]);
}

pub(crate) async fn a_customer_with_a_sent_invoice_stays(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let (sent, draft) = (api.invoice(&customer).await, api.invoice(&customer).await);
    let job = api.send(&sent).await;
    let path = format!("/customers/{}", id(&customer));
    api.delete(&path).await.expect(409);
    api.done(&job).await;
    api.delete(&path).await.expect(409);
    assert_eq!(api.read("/customers", &customer).await, customer);
    assert_eq!(api.read("/invoices", &draft).await, draft);
}

pub(crate) async fn a_restore_into_a_taken_email_is_a_conflict(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer_as("Ann", "ann@example.com").await;
    let invoice = api.invoice(&customer).await;
    delete(&api, "/customers", &customer).await;
    let heir = api.customer_as("Ann the second", "ANN@example.com").await;
    restore(&api, &customer, 409).await;
    api.get(&format!("/customers/{}", id(&customer))).await.expect(404);
    api.get(&format!("/invoices/{}", id(&invoice))).await.expect(404);
    delete(&api, "/customers", &heir).await;
    restore(&api, &customer, 200).await;
    assert_eq!(drafts(&api, &customer).await, [id(&invoice)]);
}

pub(crate) async fn restoring_a_live_customer_changes_nothing(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let (kept, deleted) = (api.invoice(&customer).await, api.invoice(&customer).await);
    delete(&api, "/invoices", &deleted).await;
    let path = format!("/customers/{}", id(&customer));
    let tag = api.get(&path).await.expect(200).etag();
    for _ in 0..2 {
        assert_eq!(restore(&api, &customer, 200).await, customer);
    }
    assert_eq!(api.get(&path).await.expect(200).etag(), tag);
    assert_eq!(drafts(&api, &customer).await, [id(&kept)]);
}

pub(crate) async fn restoring_what_never_was_is_404(target: Target) {
    let service = Service::start(target).await;
    let (api, other) = (service.api().await, service.api().await);
    restore(&api, &json!({"id": Uuid::now_v7().to_string()}), 404).await;
    let foreign = other.customer().await;
    restore(&api, &foreign, 404).await;
    delete(&other, "/customers", &foreign).await;
    restore(&api, &foreign, 404).await;
    other.get(&format!("/customers/{}", id(&foreign))).await.expect(404);
}
