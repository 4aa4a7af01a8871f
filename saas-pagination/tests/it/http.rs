//! A list over HTTP: the same service on axum and on actix-web, and a client that knows of it what
//! the responses say.

mod client;
mod services;

use std::net::SocketAddr;

use reqwest::StatusCode;
use serde_json::{Value, json};

use client::{Client, raw};

/// Runs each function against the service on either framework.
macro_rules! on_both_shells {
    ($($name:ident),* $(,)?) => {
        mod on_axum {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::services::axum().await).await;
            })*
        }
        mod on_actix {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::services::actix().await).await;
            })*
        }
    };
}

on_both_shells!(
    links_lead_a_client_through_the_whole_list_and_back,
    a_list_of_one_page_has_no_link,
    wrong_input_is_a_problem_that_names_the_parameter,
    a_query_string_beyond_the_bound_is_a_problem,
    bytes_that_are_no_text_are_refused,
    what_the_database_says_stays_inside,
);

const COUNT: i64 = services::COUNT;

async fn links_lead_a_client_through_the_whole_list_and_back(service: SocketAddr) {
    let mut client = Client::of(service);
    client.get("/blog/posts?limit=5&sort=-title&title[gte]=a%20b&utm=%3Cx%3E").await;
    assert_eq!(client.link("prev"), None);
    let first = client.items();
    let mut seen = first.clone();
    let mut pages = vec![first.clone()];
    while client.follow("next").await {
        seen.extend(client.items());
        pages.push(client.items());
    }
    let all = (1..=COUNT).rev().map(|id| json!({"id": id, "title": services::title(id)}));
    assert_eq!(seen, all.collect::<Vec<_>>());
    assert_eq!(pages.len(), 5);
    while client.follow("prev").await {
        pages.pop();
        assert_eq!(Some(&client.items()), pages.last());
    }
    assert_eq!(pages, std::slice::from_ref(&first));
    assert!(client.follow("next").await && client.follow("first").await);
    assert_eq!(client.items(), first);
}

async fn a_list_of_one_page_has_no_link(service: SocketAddr) {
    let mut client = Client::of(service);
    let response = client.get("/blog/posts?limit=50&title=no%20such").await;
    assert_eq!(response, (StatusCode::OK, "application/json".to_owned()));
    let page =
        json!({"has_next": false, "has_prev": false, "start_cursor": null, "end_cursor": null});
    assert_eq!(client.body, json!({"items": [], "page": page}));
    assert_eq!(client.links, None);
}

fn problem(errors: &Value) -> Value {
    let detail = "the query string is invalid";
    json!({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": detail, "errors": errors})
}

async fn wrong_input_is_a_problem_that_names_the_parameter(service: SocketAddr) {
    let mut client = Client::of(service);
    let wrong = [
        ("limit=-1", "limit", "must be a whole number from 0"),
        ("after=x", "after", "not a valid cursor of this list; start again from the first page"),
        ("title%5Bgte%5D=%FF", "title[gte]", "must be text without NUL, in UTF-8"),
        ("page=2", "page", "unknown parameter"),
    ];
    for (query, field, detail) in wrong {
        let response = client.get(&format!("/blog/posts?{query}")).await;
        assert_eq!(response, (StatusCode::BAD_REQUEST, "application/problem+json".to_owned()));
        assert_eq!(client.body, problem(&json!([{"field": field, "detail": detail}])));
    }
}

async fn a_query_string_beyond_the_bound_is_a_problem(service: SocketAddr) {
    let mut client = Client::of(service);
    let query = |length: usize| format!("/blog/posts?utm={}", "a".repeat(length - "utm=".len()));
    assert_eq!(client.get(&query(16 * 1024)).await.0, StatusCode::OK);
    let response = client.get(&query(16 * 1024 + 1)).await;
    assert_eq!(response, (StatusCode::BAD_REQUEST, "application/problem+json".to_owned()));
    assert_eq!(client.body["detail"], "the query string has more than 16384 bytes");
}

/// Not by the extractor: no server lets them come so far.
async fn bytes_that_are_no_text_are_refused(service: SocketAddr) {
    let answer = raw(service, b"GET /blog/posts?title=\xff HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
}

async fn what_the_database_says_stays_inside(service: SocketAddr) {
    let mut client = Client::of(service);
    let response = client.get("/broken").await;
    assert_eq!(
        response,
        (StatusCode::INTERNAL_SERVER_ERROR, "application/problem+json".to_owned())
    );
    let title = "Internal Server Error";
    assert_eq!(client.body, json!({"type": "about:blank", "title": title, "status": 500}));
}
