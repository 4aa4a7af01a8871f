use saas_blackbox::{Service, Target, id, invoice_body};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) async fn an_invoice_is_made_with_total_location_and_etag(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let body = invoice_body(&customer);
    let made = api.post("/invoices").json(&body).keyed().await.expect(201);
    let invoice = made.json();
    for member in ["customer_id", "currency", "due_on"] {
        assert_eq!(invoice[member], body[member], "{made}");
    }
    assert_eq!((&invoice["status"], &invoice["total_minor"]), (&json!("draft"), &json!(1_250)));
    assert_eq!(made.must("location"), format!("/api/v1/invoices/{}", id(&invoice)));
    let read = api.root("GET", made.must("location")).await.expect(200);
    assert_eq!((read.json(), read.etag()), (invoice.clone(), made.etag()));
    let lines = invoice["lines"].as_array().expect("lines");
    assert_eq!(lines.len(), 2);
    for (line, asked) in lines.iter().zip(body["lines"].as_array().unwrap()) {
        for member in ["description", "quantity", "unit_price_minor"] {
            assert_eq!(line[member], asked[member], "{made}");
        }
    }
    for absent in [None, Some(Value::Null)] {
        let mut body = invoice_body(&customer);
        body.as_object_mut().unwrap().remove("due_on");
        if let Some(null) = absent {
            body["due_on"] = null;
        }
        assert_eq!(api.create("/invoices", &body).await["due_on"], Value::Null);
    }
    let mut free = invoice_body(&customer);
    free["lines"] = json!([{"description": "Gift", "quantity": 1, "unit_price_minor": 0}]);
    assert_eq!(api.create("/invoices", &free).await["total_minor"], 0);
}

pub(crate) async fn an_invalid_invoice_names_the_field(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let body = invoice_body(&api.customer().await);
    let set = |pointer: &str, value: Value| {
        let (mut body, (parent, member)) = (body.clone(), pointer.rsplit_once('/').unwrap());
        let parent = body.pointer_mut(parent).unwrap();
        match value {
            // An absence.
            Value::Null => drop(parent.as_object_mut().unwrap().remove(member)),
            value => parent[member] = value,
        }
        body
    };
    let huge: Value = serde_json::from_str("9223372036854775808").unwrap();
    let mut cases = vec![
        (set("/lines", json!([])), "lines"),
        (set("/lines", json!({})), "lines"),
        (set("/lines", json!("two")), "lines"),
        (set("/due_on", json!("soon")), "due_on"),
        (set("/due_on", json!("2026-02-30")), "due_on"),
        (set("/due_on", json!(20_261_231)), "due_on"),
        (set("/currency", json!(978)), "currency"),
        (set("/customer_id", json!("nobody")), "customer_id"),
        (set("/customer_id", json!(7)), "customer_id"),
        (set("/lines/1/description", json!(5)), "lines[1].description"),
    ];
    for member in ["customer_id", "currency", "lines"] {
        cases.push((set(&format!("/{member}"), Value::Null), member));
    }
    for (member, field) in [
        ("quantity", "lines[1].quantity"),
        ("unit_price_minor", "lines[1].unit_price_minor"),
        ("description", "lines[1].description"),
    ] {
        cases.push((set(&format!("/lines/1/{member}"), Value::Null), field));
    }
    for wrong in [json!(-1), json!(1.5), json!("1"), json!(true), huge] {
        cases.push((set("/lines/1/quantity", wrong.clone()), "lines[1].quantity"));
        cases.push((set("/lines/1/unit_price_minor", wrong), "lines[1].unit_price_minor"));
    }
    cases.push((set("/lines/0/quantity", json!(0)), "lines[0].quantity"));
    for (body, field) in cases {
        let refused = api.post("/invoices").json(&body).keyed().await;
        assert_eq!(refused.status, 422, "{body}\n{refused}");
        refused.expect(422).naming(field);
    }
    assert!(api.ids("/invoices", "").await.is_empty());
}

pub(crate) async fn only_the_tenants_live_customers_can_be_invoiced(target: Target) {
    let service = Service::start(target).await;
    let (api, other) = (service.api().await, service.api().await);
    let (deleted, foreign) = (api.customer().await, other.customer().await);
    api.delete(&format!("/customers/{}", id(&deleted))).await.expect(204);
    let absent = json!({"id": Uuid::now_v7().to_string()});
    let mut answers = Vec::new();
    for customer in [&deleted, &foreign, &absent] {
        let refused = api.post("/invoices").json(&invoice_body(customer)).keyed().await.expect(422);
        answers.push(refused.naming("customer_id").json().to_string().replace(id(customer), "ID"));
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "a 422 tells of foreign rows: {answers:?}"
    );
    assert!(api.ids("/invoices", "").await.is_empty());
}

pub(crate) async fn a_total_may_be_as_large_as_i64_and_no_larger(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let body = |lines: &[(i64, i64)]| {
        let mut body = invoice_body(&customer);
        body["lines"] = lines
            .iter()
            .map(|(quantity, price)| json!({"description": "A", "quantity": quantity, "unit_price_minor": price}))
            .collect();
        body
    };
    for largest in [[(1, i64::MAX), (1, 0)], [(i64::MAX - 1, 1), (1, 1)]] {
        let invoice = api.create("/invoices", &body(&largest)).await;
        assert_eq!(invoice["total_minor"], i64::MAX);
        assert_eq!(api.read("/invoices", &invoice).await, invoice);
    }
    for beyond in [[(2, i64::MAX), (1, 0)], [(1, i64::MAX), (1, 1)], [(i64::MAX, i64::MAX), (1, 1)]]
    {
        let refused = api.post("/invoices").json(&body(&beyond)).keyed().await.expect(422);
        let field = refused.json()["errors"][0]["field"].as_str().unwrap_or_default().to_owned();
        assert!(field.starts_with("lines") || field.starts_with("total"), "{refused}");
    }
    assert_eq!(api.ids("/invoices", "").await.len(), 2);
}

pub(crate) async fn currencies_are_those_of_iso_4217(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let mut body = invoice_body(&api.customer().await);
    for code in ["EUR", "USD", "JPY", "KWD", "CHF"] {
        body["currency"] = json!(code);
        assert_eq!(api.create("/invoices", &body).await["currency"], code);
    }
    for code in ["", "EU", "EURO", "ZZZ", "E R", "€€€", "EUR "] {
        body["currency"] = json!(code);
        api.post("/invoices").json(&body).keyed().await.expect(422).naming("currency");
    }
}

pub(crate) async fn a_draft_can_be_deleted_and_nothing_else(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let (draft, sent) = (api.draft().await, api.draft().await);
    let path = format!("/invoices/{}", id(&draft));
    assert!(api.delete(&path).await.expect(204).body.is_empty());
    api.get(&path).await.expect(404);
    api.delete(&path).await.expect(404);
    assert_eq!(api.ids("/invoices", "").await, [id(&sent)]);

    let path = format!("/invoices/{}", id(&sent));
    let job = api.send(&sent).await;
    api.delete(&path).await.expect(409);
    api.done(&job).await;
    api.delete(&path).await.expect(409);
    assert_eq!(api.get(&path).await.expect(200).json()["status"], "sent");
}
