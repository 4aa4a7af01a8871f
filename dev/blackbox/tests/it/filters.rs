use saas_blackbox::{Client, Service, Target, id, invoice_body};
use serde_json::{Value, json};

use crate::pagination::walk;

/// The rows that a query finds, oldest first, as positions in `rows`.
async fn found(api: &Client, list: &str, query: &str, rows: &[Value]) -> Vec<usize> {
    let ids = api.ids(list, &format!("sort=created_at&{query}")).await;
    ids.iter()
        .map(|found| rows.iter().position(|row| id(row) == found).expect("a known row"))
        .collect()
}

pub(crate) async fn customers_are_filtered(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let mut rows = Vec::new();
    for (name, email) in
        [("Ann", "Ann+x@example.com"), ("Bob", "bob@example.com"), ("Ann", "ann2@example.com")]
    {
        rows.push(api.customer_as(name, email).await);
    }
    let at = rows[1]["created_at"].as_str().expect("created_at").replace('+', "%2B");
    for (query, expected) in [
        ("name=Ann", vec![0, 2]),
        ("name=Nobody", vec![]),
        ("name=", vec![]),
        // Emails compare without case.
        ("email=ann%2Bx@EXAMPLE.com", vec![0]),
        ("email=nobody@example.com", vec![]),
        ("name=Ann&email=ann2@example.com", vec![2]),
        ("name=Bob&email=ann2@example.com", vec![]),
        (&format!("created_at[gte]={at}"), vec![1, 2]),
        (&format!("created_at[lt]={at}"), vec![0]),
        (&format!("created_at%5Bgte%5D={at}"), vec![1, 2]),
        (&format!("created_at[gte]={at}&created_at[lt]={at}"), vec![]),
        (&format!("created_at[gte]={at}&name=Ann"), vec![2]),
        ("created_at[lt]=2020-01-01T00:00:00Z", vec![]),
        ("created_at[gte]=2020-01-01T02:00:00%2B02:00", vec![0, 1, 2]),
    ] {
        assert_eq!(found(&api, "/customers", query, &rows).await, expected, "{query}");
    }
}

pub(crate) async fn invoices_are_filtered(target: Target) {
    let service = Service::start(target).await;
    let (api, other) = (service.api().await, service.api().await);
    let (ann, bob, foreign) = (api.customer().await, api.customer().await, other.customer().await);
    let mut rows = Vec::new();
    for (customer, due_on, price) in [
        (&ann, json!("2026-12-31"), 100),
        (&ann, json!(null), 200),
        (&bob, json!(null), 300),
        (&bob, json!("2027-01-31"), 200),
    ] {
        let mut body = invoice_body(customer);
        body["due_on"] = due_on;
        body["lines"] = json!([{"description": "A", "quantity": 1, "unit_price_minor": price}]);
        rows.push(api.create("/invoices", &body).await);
    }
    other.invoice(&foreign).await;
    api.done(&api.send(&rows[3]).await).await;
    for (query, expected) in [
        ("status=draft", vec![0, 1, 2]),
        ("status=sent", vec![3]),
        ("status=sending", vec![]),
        (&format!("customer_id={}", id(&ann)), vec![0, 1]),
        (&format!("customer_id={}", id(&foreign)), vec![]),
        ("due_on[is]=null", vec![1, 2]),
        ("due_on%5Bis%5D=null", vec![1, 2]),
        ("total_minor[gte]=200", vec![1, 2, 3]),
        ("total_minor[lt]=200", vec![0]),
        ("total_minor[gte]=200&total_minor[lt]=300", vec![1, 3]),
        ("total_minor[gte]=9223372036854775807", vec![]),
        ("total_minor[lt]=-5", vec![]),
        (&format!("status=draft&due_on[is]=null&customer_id={}", id(&bob)), vec![2]),
    ] {
        assert_eq!(found(&api, "/invoices", query, &rows).await, expected, "{query}");
    }
}

pub(crate) async fn a_filtered_list_walks(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let (ann, bob) = (api.customer().await, api.customer().await);
    let mut wanted = Vec::new();
    for number in 0..9 {
        let mut body = invoice_body(if number % 3 == 0 { &bob } else { &ann });
        body["due_on"] = if number % 2 == 0 { json!("2026-12-31") } else { json!(null) };
        let invoice = api.create("/invoices", &body).await;
        if number % 3 != 0 {
            wanted.push(id(&invoice).to_owned());
        }
    }
    for sort in ["created_at", "-created_at", "due_on", "-due_on", "total_minor"] {
        let query =
            format!("status=draft&customer_id={}&total_minor[gte]=1250&sort={sort}", id(&ann));
        let rows = walk(&api, "/invoices", &query, 2).await;
        let mut ids: Vec<_> = rows.iter().map(|row| id(row).to_owned()).collect();
        ids.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(ids, wanted, "{sort}");
    }
}

pub(crate) async fn a_bad_filter_is_400(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    for (list, query, field) in [
        ("/customers", "created_at[gte]=yesterday", "created_at[gte]"),
        ("/customers", "created_at[gte]=", "created_at[gte]"),
        ("/customers", "created_at[lt]=2026-02-30T00:00:00Z", "created_at[lt]"),
        ("/customers", "created_at[gt]=2026-01-01T00:00:00Z", "created_at[gt]"),
        ("/customers", "created_at=2026-01-01T00:00:00Z", "created_at"),
        ("/customers", "name[gte]=a", "name[gte]"),
        ("/customers", "name[]=a", "name[]"),
        ("/customers", "status=draft", "status"),
        ("/customers", "name=a%00b", "name"),
        ("/customers", "email=a%00@example.com", "email"),
        (
            "/customers",
            "created_at[gte]=2026-01-01T00:00:00Z&created_at%5Bgte%5D=2026-01-01T00:00:00Z",
            "created_at[gte]",
        ),
        ("/invoices", "status=paid", "status"),
        ("/invoices", "status=", "status"),
        ("/invoices", "customer_id=nobody", "customer_id"),
        ("/invoices", "due_on[is]=soon", "due_on[is]"),
        ("/invoices", "due_on[is]=", "due_on[is]"),
        ("/invoices", "due_on=2026-12-31", "due_on"),
        ("/invoices", "due_on[gte]=2026-12-31", "due_on[gte]"),
        ("/invoices", "total_minor[gte]=much", "total_minor[gte]"),
        ("/invoices", "total_minor[gte]=1.5", "total_minor[gte]"),
        ("/invoices", "total_minor[lt]=9223372036854775808", "total_minor[lt]"),
        ("/invoices", "total_minor=5", "total_minor"),
        ("/invoices", "name=a", "name"),
    ] {
        api.get(&format!("{list}?{query}")).await.expect(400).naming(field);
    }
    // Bytes that are no text; which field they are in may be beyond telling.
    for query in ["name=%ff", "%ff=a", "name=%zz%ff"] {
        api.get(&format!("/customers?{query}")).await.expect(400);
    }
}
