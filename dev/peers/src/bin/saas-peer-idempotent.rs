//! axum-idempotent over its store in PostgreSQL, in axum, as its documentation shows it.
//!
//! On standard input first the URL of a database in which it may make its table, then a question a
//! line: `replay CLIENTS MILLISECONDS` or `new CLIENTS MILLISECONDS`. Each is answered by a line on
//! standard output: the requests per second of so many clients at once, over so long, whose keys were
//! all executed before, or none.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use axum_idempotent::{IdempotentLayer, IdempotentOptions};
use ruts::store::Ttl;
use ruts::store::postgres::{PostgresStore, PostgresStoreBuilder};
use ruts::{CookieOptions, Session, SessionLayer};
use sqlx::postgres::PgPoolOptions;
use tower::ServiceExt;
use tower_cookies::CookieManagerLayer;
use uuid::Uuid;

type Failure = Box<dyn Error + Send + Sync>;

/// The keys that are replayed.
const EXECUTED: usize = 500;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut lines = std::io::stdin().lines();
    let url = lines.next().ok_or("no URL")??;
    // As many connections as there are clients, not pinged when they are borrowed, as ours.
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .min_connections(8)
        .test_before_acquire(false)
        .connect(&url)
        .await?;
    let store = PostgresStoreBuilder::new(pool).create_table(true).build().await?;
    let app = app(store);
    // It keeps responses in a session, and makes none.
    let session = send(&app, "/session", None, "").await?.1.ok_or("no session")?;
    let keys: Arc<Vec<String>> = Arc::new((0..EXECUTED).map(key).collect());
    for key in keys.iter() {
        send(&app, "/orders", Some(&session), key).await?;
    }
    for line in lines {
        let line = line?;
        let words: Vec<_> = line.split_whitespace().collect();
        let [what, clients, millis] = words[..] else { return Err(line.into()) };
        let span = Duration::from_millis(millis.parse()?);
        let replayed = match what {
            "replay" => Some(Arc::clone(&keys)),
            "new" => None,
            _ => return Err(format!("no such question: {line}").into()),
        };
        println!("{}", rate(&app, &session, clients.parse()?, span, replayed).await?);
    }
    Ok(())
}

fn key(_: usize) -> String {
    Uuid::new_v4().to_string()
}

fn app(store: PostgresStore) -> Router {
    let options = IdempotentOptions::default()
        .use_idempotency_key_header(Some("idempotency-key"), true)
        .expire_after(86_400);
    let cookie = CookieOptions::build().name("session").max_age(86_400).path("/");
    Router::new()
        .route("/orders", post(order))
        .layer(IdempotentLayer::<PostgresStore>::new(options))
        .route("/session", post(open))
        .layer(SessionLayer::new(Arc::new(store)).with_cookie_options(cookie))
        .layer(CookieManagerLayer::new())
}

async fn order() -> impl IntoResponse {
    let body = r#"{"id":"0197a1b2-0000-7000-8000-000000000001","number":"INV-1","status":"draft","total_minor":1200}"#;
    let location = "/orders/0197a1b2-0000-7000-8000-000000000001";
    let headers = [("content-type", "application/json"), ("location", location)];
    (StatusCode::CREATED, headers, body)
}

async fn open(session: Session<PostgresStore>) -> StatusCode {
    let Ok(ttl) = Ttl::new(86_400) else { return StatusCode::INTERNAL_SERVER_ERROR };
    match session.set("user", &"ann".to_owned(), ttl, None).await {
        Ok(_) => StatusCode::CREATED,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Whether the response was a replay, and the session that it opened.
async fn send(
    app: &Router,
    path: &str,
    session: Option<&HeaderValue>,
    key: &str,
) -> Result<(bool, Option<HeaderValue>), Failure> {
    let body = r#"{"customer":"0197a1b2-0000-7000-8000-000000000000","lines":[{"quantity":3}]}"#;
    let mut request = Request::post(path)
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body))?;
    if let Some(session) = session {
        request.headers_mut().insert("cookie", session.clone());
    }
    let response = app.clone().oneshot(request).await?;
    if response.status() != StatusCode::CREATED {
        return Err(response.status().as_str().into());
    }
    let headers = response.headers();
    Ok((headers.contains_key("idempotency-replayed"), headers.get("set-cookie").cloned()))
}

async fn rate(
    app: &Router,
    session: &HeaderValue,
    clients: usize,
    span: Duration,
    replayed: Option<Arc<Vec<String>>>,
) -> Result<f64, Failure> {
    let calls = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            let (app, session) = (app.clone(), session.clone());
            let (calls, replayed) = (Arc::clone(&calls), replayed.clone());
            tokio::spawn(async move {
                while began.elapsed() < span {
                    let call = calls.fetch_add(1, Ordering::Relaxed);
                    let key = match &replayed {
                        Some(keys) => keys[call % keys.len()].clone(),
                        None => key(call),
                    };
                    let (is_replay, _) = send(&app, "/orders", Some(&session), &key).await?;
                    if is_replay != replayed.is_some() {
                        return Err("not what was asked for".into());
                    }
                }
                Ok::<_, Failure>(())
            })
        })
        .collect();
    for client in clients {
        client.await??;
    }
    Ok(calls.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}
