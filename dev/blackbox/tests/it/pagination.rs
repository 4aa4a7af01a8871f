use saas_blackbox::{Client, Service, Target, fresh, id, with_query};
use serde_json::{Value, json};

/// One page, with the shape that every page has.
async fn page(api: &Client, path: &str) -> Value {
    let page = api.get(path).await.expect(200).json();
    let info = &page["page"];
    assert!(
        page["items"].is_array() && info["has_next"].is_boolean() && info["has_prev"].is_boolean(),
        "{page}"
    );
    let empty = page["items"].as_array().unwrap().is_empty();
    for cursor in ["start_cursor", "end_cursor"] {
        assert!(if empty { info[cursor].is_null() } else { info[cursor].is_string() }, "{page}");
    }
    page
}

fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().unwrap()
}

fn cursor<'a>(page: &'a Value, which: &str) -> &'a str {
    page["page"][which].as_str().unwrap()
}

/// Walks a list to its end and back, and returns the rows in order.
pub(crate) async fn walk(api: &Client, list: &str, query: &str, limit: usize) -> Vec<Value> {
    let path = with_query(list, &[&format!("limit={limit}"), query]);
    let mut pages = vec![page(api, &path).await];
    while pages.last().unwrap()["page"]["has_next"] == true {
        let last = pages.last().unwrap();
        assert_eq!(items(last).len(), limit, "a page in the middle is full");
        let next = page(api, &format!("{path}&after={}", cursor(last, "end_cursor"))).await;
        assert_eq!((&next["page"]["has_prev"], items(&next).is_empty()), (&json!(true), false));
        pages.push(next);
    }
    assert_eq!(pages[0]["page"]["has_prev"], false);
    let mut here = pages.last().unwrap().clone();
    for expected in pages.iter().rev().skip(1) {
        here = page(api, &format!("{path}&before={}", cursor(&here, "start_cursor"))).await;
        assert_eq!(here["items"], expected["items"], "{path} backwards");
        assert_eq!(here["page"]["has_next"], true);
        assert_eq!(here["page"]["has_prev"], expected["page"]["has_prev"]);
    }
    pages.iter().flat_map(|page| items(page).clone()).collect()
}

/// Walks under a sort in several page sizes and compares with `rows`, sorted here by `key`; rows with
/// the same key may come in any order, but always in the same.
async fn walks_sorted<K: Ord + std::fmt::Debug>(
    api: &Client,
    list: &str,
    sort: &str,
    rows: &[Value],
    key: impl Fn(&Value) -> K,
) {
    let mut expected: Vec<_> = rows.iter().map(&key).collect();
    expected.sort();
    let mut before: Option<Vec<Value>> = None;
    for limit in [1, 3, rows.len()] {
        let walked = walk(api, list, &format!("sort={sort}"), limit).await;
        assert_eq!(
            walked.iter().map(&key).collect::<Vec<_>>(),
            expected,
            "{list} by {sort}, {limit} at a time"
        );
        let mut ids: Vec<_> = walked.iter().map(id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), rows.len(), "{list} by {sort}, {limit} at a time");
        assert!(before.is_none_or(|before| before == walked), "ties come in another order");
        before = Some(walked);
    }
}

fn position(rows: &[Value], row: &Value) -> usize {
    rows.iter().position(|other| id(other) == id(row)).expect("a row of this list")
}

pub(crate) async fn a_limit_is_25_by_default_and_100_at_most(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    for number in 0..103 {
        api.customer_as(&format!("{number}"), &format!("c{number}@example.com")).await;
    }
    for (query, expected) in [
        ("", 25),
        ("?limit=0", 25),
        ("?limit=1", 1),
        ("?limit=26", 26),
        ("?limit=100", 100),
        ("?limit=101", 100),
        ("?limit=1000000", 100),
    ] {
        assert_eq!(
            items(&page(&api, &format!("/customers{query}")).await).len(),
            expected,
            "{query}"
        );
    }
    let names: Vec<_> =
        walk(&api, "/customers", "", 40).await.iter().map(|row| row["name"].clone()).collect();
    let newest_first: Vec<_> = (0..103).rev().map(|number| json!(number.to_string())).collect();
    assert_eq!(names, newest_first, "the default is -created_at");
}

pub(crate) async fn a_bad_limit_is_400(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    for list in ["/customers", "/invoices"] {
        for limit in ["-1", "ten", "1.5", "1e2", "0x10", "%00", "-99999999999999999999", "1%202"] {
            api.get(&format!("{list}?limit={limit}")).await.expect(400).naming("limit");
        }
    }
}

pub(crate) async fn customers_walk_forward_and_back_under_every_sort(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let mut rows = Vec::new();
    for name in ["b", "a", "c", "a", "b", "a", "d"] {
        rows.push(api.customer_as(name, &format!("{}@example.com", fresh("c"))).await);
    }
    let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
    let at = |row: &Value| position(&rows, row);
    walks_sorted(&api, "/customers", "name", &rows, name).await;
    walks_sorted(&api, "/customers", "-name", &rows, |row| std::cmp::Reverse(name(row))).await;
    walks_sorted(&api, "/customers", "created_at", &rows, at).await;
    walks_sorted(&api, "/customers", "-created_at", &rows, |row| std::cmp::Reverse(at(row))).await;
}

pub(crate) async fn invoices_walk_forward_and_back_under_every_sort(target: Target) {
    use std::cmp::Reverse;

    let service = Service::start(target).await;
    let api = service.api().await;
    let customer = api.customer().await;
    let mut rows = Vec::new();
    for (due_on, price) in [
        (None, 5),
        (Some("2026-03-01"), 0),
        (Some("2026-01-01"), 9),
        (None, 5),
        (Some("2026-03-01"), 1),
        (Some("2026-02-01"), 9),
        (None, i64::MAX),
        (Some("2026-01-01"), 5),
        (Some("0001-01-01"), 0),
        (None, 1),
    ] {
        let lines = json!([{"description": "A", "quantity": 1, "unit_price_minor": price}]);
        let body = json!({"customer_id": id(&customer), "currency": "EUR", "due_on": due_on, "lines": lines});
        rows.push(api.create("/invoices", &body).await);
    }
    let due = |row: &Value| row["due_on"].as_str().map(str::to_owned);
    let total = |row: &Value| row["total_minor"].as_i64().unwrap();
    let at = |row: &Value| position(&rows, row);
    // Nulls last, both ways.
    walks_sorted(&api, "/invoices", "due_on", &rows, |row| (due(row).is_none(), due(row))).await;
    walks_sorted(&api, "/invoices", "-due_on", &rows, |row| {
        (due(row).is_none(), Reverse(due(row)))
    })
    .await;
    walks_sorted(&api, "/invoices", "total_minor", &rows, total).await;
    walks_sorted(&api, "/invoices", "-total_minor", &rows, |row| Reverse(total(row))).await;
    walks_sorted(&api, "/invoices", "created_at", &rows, at).await;
    walks_sorted(&api, "/invoices", "-created_at", &rows, |row| Reverse(at(row))).await;
}

pub(crate) async fn an_empty_list_is_a_page(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    for list in ["/customers", "/invoices"] {
        let empty = page(&api, list).await;
        assert!(
            items(&empty).is_empty()
                && empty["page"]["has_next"] == false
                && empty["page"]["has_prev"] == false
        );
        let reply = api.get(list).await;
        assert_eq!((reply.link("next"), reply.link("prev")), (None, None));
    }
}

pub(crate) async fn links_lead_to_the_neighbours_and_keep_the_parameters(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    for number in 0..5 {
        api.customer_as("a & b=c", &format!("c{number}@example.com")).await;
    }
    api.customer().await;
    let start = "/api/v1/customers?limit=2&name=a%20%26%20b%3Dc&sort=-name&created_at[gte]=2020-01-01T00:00:00Z";
    let mut path = start.to_owned();
    let mut pages = Vec::new();
    // There by `next`, back by `prev`; a reference may be relative.
    for (relation, count) in [("next", 3), ("prev", 3)] {
        for number in 0..count {
            let reply = api.root("GET", &path).await.expect(200);
            pages.push(reply.json()["items"].clone());
            let first = if relation == "next" { number == 0 } else { number == count - 1 };
            let last = if relation == "next" { number == count - 1 } else { number == 0 };
            assert_eq!(
                (reply.link("prev").is_none(), reply.link("next").is_none()),
                (first, last),
                "{reply}"
            );
            if number < count - 1 {
                path = resolve(&api, &path, &reply.link(relation).unwrap());
                assert!(path.contains("limit=2") && path.contains("sort=-name"), "{path}");
            }
        }
    }
    let sizes: Vec<_> = pages.iter().map(|page| page.as_array().unwrap().len()).collect();
    assert_eq!(sizes, [2, 2, 1, 1, 2, 2]);
    pages.reverse();
    assert_eq!(pages[..3], {
        let mut there = pages[3..].to_vec();
        there.reverse();
        there
    });
}

fn resolve(api: &Client, path: &str, reference: &str) -> String {
    let base = reqwest::Url::parse(&format!("http://{}{path}", api.authority())).unwrap();
    let url = base.join(reference).unwrap();
    assert_eq!(url.authority(), api.authority());
    format!("{}?{}", url.path(), url.query().unwrap())
}

pub(crate) async fn unknown_and_repeated_parameters_are_400(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    api.draft().await;
    api.draft().await;
    for list in ["/customers", "/invoices"] {
        let end = cursor(&page(&api, &format!("{list}?limit=1")).await, "end_cursor").to_owned();
        for (query, field) in [
            ("colour=red", "colour"),
            ("Limit=1", "Limit"),
            ("offset=1", "offset"),
            ("limit=1&limit=1", "limit"),
            ("sort=created_at&sort=created_at", "sort"),
            ("sort=colour", "sort"),
            ("sort=--created_at", "sort"),
            ("sort=", "sort"),
            ("sort=id", "sort"),
            (&format!("after={end}&after={end}"), "after"),
            ("after=nonsense", "after"),
            ("before=nonsense", "before"),
        ] {
            api.get(&format!("{list}?{query}")).await.expect(400).naming(field);
        }
        api.get(&format!("{list}?after={end}&before={end}")).await.expect(400);
    }
    api.get("/customers?sort=due_on").await.expect(400).naming("sort");
    api.get("/invoices?sort=name").await.expect(400).naming("sort");
    api.get("/customers?name=a&name=a").await.expect(400).naming("name");
}

pub(crate) async fn a_cursor_belongs_to_one_list_sort_filter_and_tenant(target: Target) {
    let service = Service::start(target).await;
    let (api, other) = (service.api().await, service.api().await);
    for client in [&api, &other] {
        for _ in 0..3 {
            client.draft().await;
        }
    }
    let end = async |path: &str| cursor(&page(&api, path).await, "end_cursor").to_owned();
    let mine = end("/customers?limit=1").await;
    page(&api, &format!("/customers?limit=2&after={mine}")).await;
    page(&api, &format!("/customers?after={mine}&sort=-created_at")).await;
    let name = end("/customers?limit=1&sort=name").await;
    let sent = end("/invoices?limit=1&status=draft").await;
    let mut opaque = Vec::new();
    for (client, path, cursor) in [
        (&other, "/customers?limit=1", &mine),
        (&api, "/invoices?limit=1", &mine),
        (&api, "/customers?sort=created_at", &mine),
        (&api, "/customers?sort=name", &mine),
        (&api, "/customers?sort=-created_at", &name),
        (&api, "/customers?sort=-name", &name),
        (&api, "/customers?name=A%20customer", &mine),
        (&api, "/invoices?limit=1", &sent),
        (&api, "/invoices?status=sent", &sent),
    ] {
        let joint = if path.contains('?') { '&' } else { '?' };
        let refused =
            client.get(&format!("{path}{joint}after={cursor}")).await.expect(400).naming("after");
        opaque.push(refused.json());
        client.get(&format!("{path}{joint}before={cursor}")).await.expect(400).naming("before");
    }
    opaque.push(api.get("/customers?after=nonsense").await.expect(400).json());
    assert!(opaque.iter().all(|problem| *problem == opaque[0]), "a problem tells why: {opaque:?}");
}

pub(crate) async fn a_forged_cursor_is_400(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    api.customer().await;
    let end = cursor(&page(&api, "/customers").await, "end_cursor").to_owned();
    assert!(end.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{end}");
    let mut forged: Vec<String> = (0..end.len() - 1)
        .map(|at| {
            let other = if &end[at..=at] == "A" { "B" } else { "A" };
            format!("{}{other}{}", &end[..at], &end[at + 1..])
        })
        .collect();
    forged.extend([
        end[1..].into(),
        end[..end.len() / 2].into(),
        format!("{end}{end}"),
        format!("{end}%3D"),
    ]);
    forged.extend([
        "A".repeat(1_025),
        "A".repeat(4_000),
        "%00".into(),
        "%ff".into(),
        "💥".into(),
        "a b".into(),
    ]);
    for cursor in forged {
        api.get(&format!("/customers?after={cursor}")).await.expect(400).naming("after");
    }
}

pub(crate) async fn a_page_follows_a_row_that_is_gone(target: Target) {
    let service = Service::start(target).await;
    let api = service.api().await;
    let mut rows = Vec::new();
    for _ in 0..4 {
        rows.push(api.customer().await);
    }
    let first = page(&api, "/customers?limit=2&sort=created_at").await;
    api.delete(&format!("/customers/{}", id(&rows[1]))).await.expect(204);
    let end = cursor(&first, "end_cursor");
    let next = page(&api, &format!("/customers?limit=2&sort=created_at&after={end}")).await;
    assert_eq!(items(&next).iter().map(id).collect::<Vec<_>>(), [id(&rows[2]), id(&rows[3])]);
}
