use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use saas_core::schema::Dialect;
use saas_tenancy::wall::{Roles, script};
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;

async fn call(app: &App, tenant: TenantId, request: Request<Body>) -> (u16, Value) {
    let (mut head, body) = request.into_parts();
    head.headers.insert("authorization", format!("Bearer {tenant}").parse().unwrap());
    let answer = router(app.clone()).oneshot(Request::from_parts(head, body)).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

fn note(key: &str, body: &str) -> Request<Body> {
    let post = Request::post("/notes").header("idempotency-key", key);
    let body = serde_json::json!({ "body": body }).to_string();
    post.header("content-type", "application/json").body(body.into()).unwrap()
}

fn notes(query: &str) -> Request<Body> {
    Request::get(format!("/notes?{query}")).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_note_is_made_once_listed_to_its_tenant_and_counted_by_its_job() {
    let folder = tempfile::tempdir().unwrap();
    let (pool, app) = open(folder.path().join("notes.db").to_str().unwrap()).await.unwrap();
    let (ours, theirs) = (TenantId::new(), TenantId::new());
    let (status, first) = call(&app, ours, note("a", "one two three")).await;
    assert_eq!(status, 201);
    assert_eq!(call(&app, ours, note("a", "one two three")).await, (201, first.clone()));
    assert_eq!(call(&app, ours, note("a", "another")).await.0, 422);
    call(&app, ours, note("b", "four")).await;

    let worker = || Worker::new(pool.clone(), app.queue.clone(), app.clone());
    assert_eq!(worker().register::<CountWords>().drain().await.unwrap().done, 2);
    let page = call(&app, ours, notes("limit=1")).await.1;
    assert_eq!(
        (&page["items"][0]["body"], &page["items"][0]["words"]),
        (&"four".into(), &1.into())
    );
    let after = page["page"]["end_cursor"].as_str().unwrap();
    let page = call(&app, ours, notes(&format!("limit=1&after={after}"))).await.1;
    assert_eq!((&page["items"][0]["id"], &page["items"][0]["words"]), (&first["id"], &3.into()));
    assert_eq!(page["page"]["has_next"], false);

    // A cursor belongs to its tenant, and so does everything else.
    assert_eq!(call(&app, theirs, notes(&format!("after={after}"))).await.0, 400);
    assert_eq!(call(&app, theirs, notes("")).await.1["items"], serde_json::json!([]));
}

#[test]
fn the_migration_is_what_the_entities_say() {
    let mut said = script(&registry(), &Roles::new("app"), Dialect::Sqlite).unwrap();
    said += &NOTES.index_ddl(&saas_pagination::Indexes::default().equal(["tenant_id"])).unwrap();
    eprintln!("BEGIN\n{said}END");
    assert_eq!(include_str!("../migrations/0001_notes.sql"), said);
}
