//! The tower layer in standalone mode, on plain services and in axum.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post as on_post};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream;
use http::{Request, Response};
use saas_core::TenantId;
use saas_idempotency::{
    Attempt, Claimed, Error, Idempotency, IdempotencyLayer, Keep, Lease, Outcome, Policy, Scope,
    SqlStore, Store,
};
use sqlx::Sqlite;
use tokio::sync::Semaphore;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::support::{Answer, Call, Db, post, sqlite};

/// A handler that counts its runs and answers what the body of the request asks for.
#[derive(Clone)]
struct App {
    layer: IdempotencyLayer,
    runs: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
    _db: Db<Sqlite>,
}

impl App {
    async fn new() -> Self {
        Self::with(Policy::default()).await
    }

    async fn with(policy: Policy) -> Self {
        Self::on(|store| IdempotencyLayer::new(store).policy(policy)).await
    }

    async fn on(layer: impl FnOnce(SqlStore<Sqlite>) -> IdempotencyLayer) -> Self {
        let db = sqlite().await;
        let gate = Arc::new(Semaphore::new(0));
        Self { layer: layer(db.store()), runs: Arc::default(), gate, _db: db }
    }

    async fn call(&self, call: &Call) -> Answer {
        Answer::of(self.send(call.request()).await).await
    }

    async fn send(&self, request: Request<Body>) -> Response<saas_idempotency::ReplyBody<Body>> {
        let app = self.clone();
        let handler = service_fn(move |request| handle(app.clone(), request));
        self.layer.layer(handler).oneshot(request).await.unwrap()
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

async fn handle(app: App, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let run = app.runs.fetch_add(1, Ordering::SeqCst) + 1;
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let response = Response::builder().header("x-run", run);
    Ok(match body.split(' ').collect::<Vec<_>>()[..] {
        ["answer", status] => response.status(status.parse::<u16>().unwrap()).body("".into()),
        ["headers"] => response
            .header("location", "/invoices/7")
            .header("etag", "\"3\"")
            .header("set-cookie", "session=1")
            .header("x-request-id", "1")
            .header("www-authenticate", "Bearer")
            .body(Body::from("made")),
        ["large"] => response.body(Body::from("x".repeat(2 << 20))),
        ["pieces"] => response.body(Body::from_stream(stream::iter(
            (0..40).map(|_| Ok::<_, Infallible>(Bytes::from(vec![b'y'; 64 << 10]))),
        ))),
        ["small-pieces"] => response.body(Body::from_stream(stream::iter(
            ["a", "b", "c"].map(|part| Ok::<_, Infallible>(Bytes::from(part))),
        ))),
        ["broken"] => response.body(Body::from_stream(stream::iter([
            Ok(Bytes::from("half")),
            Err(std::io::Error::other("broken")),
        ]))),
        ["endless"] => {
            response.header("content-type", "text/event-stream").body(Body::from_stream(
                stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from("data: x\n\n"))),
            ))
        }
        ["wait"] => {
            app.gate.acquire().await.unwrap().forget();
            response.body(Body::from("waited"))
        }
        ["panic"] => panic!("the handler panics"),
        ["forget"] => response.extension(Keep::No).body("".into()),
        ["keep"] => response.status(503).extension(Keep::Yes).body("".into()),
        _ => response.status(201).body(Body::from(body)),
    }
    .unwrap())
}

#[tokio::test]
async fn a_retry_gets_status_headers_and_bytes_of_the_first() {
    let (app, call) = (App::new().await, post("/", "headers"));
    let (first, again) = (app.call(&call).await, app.call(&call).await);
    assert_eq!((first.status, first.is_replayed()), (200, false));
    assert_eq!((again.status, again.is_replayed()), (200, true));
    assert_eq!(first.body, again.body);
    for name in ["location", "etag", "x-run"] {
        assert_eq!(first.headers[name], again.headers[name]);
    }
    assert_eq!(app.runs(), 1);
}

#[tokio::test]
async fn cookies_and_what_else_is_one_clients_are_never_replayed() {
    let (app, call) = (App::new().await, post("/", "headers"));
    let (first, again) = (app.call(&call).await, app.call(&call).await);
    for name in ["set-cookie", "x-request-id", "www-authenticate"] {
        assert!(first.headers.contains_key(name) && !again.headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn quoted_and_bare_name_the_same_key() {
    let (app, call) = (App::new().await, post("/", "one"));
    app.call(&call).await;
    let quoted = Call { key: call.key.as_ref().map(|key| format!("\"{key}\"")), ..call };
    assert!(app.call(&quoted).await.is_replayed());
}

#[tokio::test]
async fn a_missing_malformed_or_repeated_key_is_400() {
    let (app, call) = (App::new().await, post("/", "one"));
    for key in [None, Some(""), Some("a b"), Some("\"open")] {
        let answer = app.call(&Call { key: key.map(Into::into), ..call.clone() }).await;
        assert_eq!((answer.status, answer.is_problem()), (400, true), "{key:?}");
    }
    let mut twice = call.request();
    twice.headers_mut().append("idempotency-key", "other".parse().unwrap());
    assert_eq!(app.send(twice).await.status(), 400);
    assert_eq!(app.runs(), 0);
}

#[tokio::test]
async fn an_optional_key_may_be_absent_but_not_malformed() {
    let app = App::with(Policy::default().optional()).await;
    let call = Call { key: None, ..post("/", "one") };
    for run in 1..=2 {
        let answer = app.call(&call).await;
        assert_eq!((answer.status, answer.is_replayed(), app.runs()), (201, false, run));
    }
    assert_eq!(app.call(&Call { key: Some("a b".into()), ..call }).await.status, 400);
}

#[tokio::test]
async fn the_headers_name_is_the_policys() {
    let app = App::with(Policy::default().header("x-once")).await;
    let request = || {
        let mut request = Call { key: None, ..post("/", "one") }.request();
        request.headers_mut().insert("x-once", "k".parse().unwrap());
        request.extensions_mut().insert(Scope::user("one"));
        request
    };
    app.send(request()).await;
    assert!(app.send(request()).await.headers().contains_key("idempotency-replayed"));
}

#[tokio::test]
async fn safe_methods_pass_untouched_and_unbuffered() {
    let app = App::with(Policy::default().request_cap(1)).await;
    for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
        let call = Call { method, scope: None, key: Some("\"".into()), ..post("/", "longer") };
        let (first, again) = (app.call(&call).await, app.call(&call).await);
        assert_eq!(
            (first.status, again.status, again.is_replayed()),
            (201, 201, false),
            "{method}"
        );
    }
    assert_eq!(app.runs(), 10);
}

#[tokio::test]
async fn a_missing_scope_is_a_loud_500() {
    let (app, call) = (App::new().await, Call { scope: None, ..post("/", "one") });
    assert_eq!(app.call(&call).await.status, 500);
    let call = Call { scope: Some(Scope::anonymous()), ..call };
    assert_eq!(app.call(&call).await.status, 500);
    assert_eq!(app.runs(), 0);
    let app = App::with(Policy::default().allow_anonymous()).await;
    assert_eq!(app.call(&call).await.status, 201);
}

#[tokio::test]
async fn equal_keys_of_two_tenants_and_of_two_users_are_strangers() {
    let (app, tenant) = (App::new().await, TenantId::new());
    let call = |scope| Call { scope: Some(scope), key: Some("k".into()), ..post("/", "one") };
    let scopes = [
        Scope::tenant(tenant),
        Scope::tenant(TenantId::new()),
        Scope::tenant(tenant).principal("a"),
        Scope::tenant(tenant).principal("b"),
    ];
    for (run, scope) in (1..).zip(scopes) {
        let answer = app.call(&call(scope)).await;
        assert_eq!((answer.status, answer.is_replayed(), app.runs()), (201, false, run));
    }
}

#[tokio::test]
async fn another_request_under_the_key_is_422() {
    let (app, call) = (App::new().await, post("/a", "one"));
    app.call(&call).await;
    for other in [
        Call { body: "other".into(), ..call.clone() },
        Call { path: "/b", ..call.clone() },
        Call { path: "/a?x=1", ..call.clone() },
        Call { method: "PATCH", ..call.clone() },
    ] {
        let answer = app.call(&other).await;
        assert_eq!((answer.status, answer.is_problem()), (422, true));
    }
    assert_eq!(app.runs(), 1);
}

#[tokio::test]
async fn a_body_over_the_cap_is_413_from_its_head_alone() {
    let app = App::with(Policy::default().request_cap(10)).await;
    let mut request = post("/", "").request();
    request.headers_mut().insert("content-length", "11".parse().unwrap());
    // The body never comes: reading it would never end.
    *request.body_mut() = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
    assert_eq!(app.send(request).await.status(), 413);
    assert_eq!(app.runs(), 0);
}

#[tokio::test]
async fn a_body_over_the_cap_without_a_length_is_413_too() {
    let app = App::with(Policy::default().request_cap(10)).await;
    let mut request = post("/", "").request();
    let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from("abc")));
    *request.body_mut() = Body::from_stream(endless);
    assert_eq!(app.send(request).await.status(), 413);
    let call = post("/", "0123456789");
    assert_eq!(app.call(&call).await.status, 201, "the cap itself is allowed");
}

#[tokio::test]
async fn final_client_errors_are_kept_and_others_released() {
    let app = App::new().await;
    for (status, kept) in [
        (404, true),
        (409, true),
        (422, true),
        (303, true),
        (401, false),
        (403, false),
        (429, false),
        (500, false),
        (503, false),
    ] {
        let (call, runs) = (post("/", &format!("answer {status}")), app.runs());
        app.call(&call).await;
        let again = app.call(&call).await;
        assert_eq!((again.status, again.is_replayed()), (status, kept));
        assert_eq!(app.runs() - runs, if kept { 1 } else { 2 }, "{status}");
    }
}

#[tokio::test]
async fn stripes_preset_keeps_server_errors() {
    let (app, call) = (App::with(Policy::stripe_v1()).await, post("/", "answer 500"));
    app.call(&call).await;
    assert!(app.call(&call).await.is_replayed());
}

#[tokio::test]
async fn the_handler_has_the_last_word() {
    let app = App::new().await;
    for (body, kept) in [("forget", false), ("keep", true)] {
        let call = post("/", body);
        app.call(&call).await;
        assert_eq!(app.call(&call).await.is_replayed(), kept, "{body}");
    }
}

#[tokio::test]
async fn a_response_over_the_cap_reaches_the_first_caller_and_executes_once() {
    let app = App::new().await;
    for (body, length) in [("large", 2 << 20), ("pieces", 40 * (64 << 10))] {
        let (call, runs) = (post("/", body), app.runs());
        assert_eq!(app.call(&call).await.body.len(), length);
        let again = app.call(&call).await;
        assert_eq!((again.status, again.is_problem()), (409, true));
        assert!(again.body.contains("\"executed_status\":200") && again.body.contains("not-kept"));
        assert_eq!(app.runs() - runs, 1);
    }
}

#[tokio::test]
async fn a_short_body_of_unknown_length_is_kept() {
    let (app, call) = (App::new().await, post("/", "small-pieces"));
    assert_eq!(app.call(&call).await.body, "abc");
    let again = app.call(&call).await;
    assert_eq!((again.body.as_str(), again.is_replayed()), ("abc", true));
}

#[tokio::test]
async fn an_endless_stream_flows_and_executes_once() {
    use http_body_util::BodyExt;
    let (app, call) = (App::new().await, post("/", "endless"));
    let mut body = app.send(call.request()).await.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "data: x\n\n");
    assert_eq!(app.call(&call).await.status, 409);
    assert_eq!(app.runs(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_breaks_off_for_the_first_caller_and_executes_once() {
    use http_body_util::BodyExt;
    let (app, call) = (App::new().await, post("/", "broken"));
    let mut body = app.send(call.request()).await.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
    assert!(body.frame().await.unwrap().is_err());
    assert_eq!(app.call(&call).await.status, 409);
    assert_eq!(app.runs(), 1);
}

#[tokio::test]
async fn while_one_runs_the_others_get_409_with_retry_after() {
    let (app, call) = (App::new().await, post("/", "wait"));
    let first = tokio::spawn({
        let (app, call) = (app.clone(), call.clone());
        async move { app.call(&call).await }
    });
    until(|| app.runs() == 1).await;
    let second = app.call(&call).await;
    assert_eq!((second.status, second.is_problem()), (409, true));
    assert_eq!(second.headers["retry-after"], "1");
    let other = app.call(&Call { body: "other".into(), ..call.clone() }).await;
    assert_eq!(other.status, 422, "a mismatch wins over in progress");
    app.gate.add_permits(1);
    assert_eq!(first.await.unwrap().body, "waited");
    assert!(app.call(&call).await.is_replayed());
    assert_eq!(app.runs(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_at_once_have_one_winner_for_fifty_rounds() {
    let app = App::new().await;
    for round in 1..=50 {
        let call = post("/", "race");
        let answers = join_all((0..12).map(|_| {
            let (app, call) = (app.clone(), call.clone());
            tokio::spawn(async move { app.call(&call).await })
        }))
        .await;
        for answer in answers.into_iter().map(Result::unwrap) {
            assert!([201, 409].contains(&answer.status), "{answer:?}");
        }
        assert_eq!(app.runs(), round);
    }
}

#[tokio::test]
async fn a_client_that_disconnects_does_not_stop_the_work() {
    let (app, call) = (App::new().await, post("/", "wait"));
    let client = tokio::spawn({
        let (app, call) = (app.clone(), call.clone());
        async move { app.call(&call).await }
    });
    until(|| app.runs() == 1).await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    app.gate.add_permits(1);
    let mut again = app.call(&call).await;
    while again.status == 409 {
        tokio::task::yield_now().await;
        again = app.call(&call).await;
    }
    assert_eq!((again.body.as_str(), again.is_replayed(), app.runs()), ("waited", true, 1));
}

#[tokio::test]
async fn a_panic_passes_on_and_its_lease_stays() {
    let (app, call) = (App::new().await, post("/", "panic"));
    let first = tokio::spawn({
        let (app, call) = (app.clone(), call.clone());
        async move { app.call(&call).await }
    });
    assert!(first.await.unwrap_err().is_panic());
    assert_eq!(app.call(&call).await.status, 409);
}

#[tokio::test]
async fn a_slow_handler_keeps_its_lease_slow() {
    let app = App::with(Policy::default().lease(Duration::from_millis(1500))).await;
    let call = post("/", "wait");
    let first = tokio::spawn({
        let (app, call) = (app.clone(), call.clone());
        async move { app.call(&call).await }
    });
    until(|| app.runs() == 1).await;
    let end = std::time::Instant::now() + Duration::from_secs(4);
    while std::time::Instant::now() < end {
        assert_eq!(app.call(&call).await.status, 409);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    app.gate.add_permits(1);
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(app.runs(), 1);
}

#[tokio::test]
async fn an_attempt_that_lost_its_lease_answers_what_its_heir_recorded() {
    let clock = Arc::new(saas_core::ManualClock::at(DateTime::UNIX_EPOCH));
    #[derive(Debug, Clone)]
    struct Shared(Arc<saas_core::ManualClock>);
    impl saas_core::Clock for Shared {
        fn now(&self) -> DateTime<Utc> {
            self.0.now()
        }
    }
    let app = App::on(|store| IdempotencyLayer::new(store).clock(Shared(clock.clone()))).await;
    let call = post("/", "wait");
    let slow = tokio::spawn({
        let (app, call) = (app.clone(), call.clone());
        async move { app.call(&call).await }
    });
    until(|| app.runs() == 1).await;
    clock.advance(Duration::from_secs(31));
    let heir = tokio::spawn({
        let (app, call) = (app.clone(), call.clone());
        async move { app.call(&call).await }
    });
    until(|| app.runs() == 2).await;
    app.gate.add_permits(2);
    let (slow, heir) = (slow.await.unwrap(), heir.await.unwrap());
    // The heir may still run when the first is done: that one is then told to come back.
    assert_eq!(
        (heir.status, &heir.headers["x-run"], heir.is_replayed()),
        (200, &"2".parse().unwrap(), false)
    );
    assert!(slow.status == 409 || slow.is_replayed() && slow.headers["x-run"] == "2", "{slow:?}");
    assert_eq!(app.call(&call).await.headers["x-run"], "2");
}

/// A store that is down when told so.
#[derive(Debug)]
struct Flaky {
    store: SqlStore<Sqlite>,
    claims: Arc<AtomicBool>,
    completes: Arc<AtomicBool>,
}

fn down<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T, Error>> {
    Box::pin(async { Err(Error::Store("down".into())) })
}

impl Store for Flaky {
    fn claim<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<Claimed, Error>> {
        if self.claims.load(Ordering::SeqCst) { self.store.claim(attempt) } else { down() }
    }
    fn complete<'a>(
        &'a self,
        lease: &'a Lease,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        if self.completes.load(Ordering::SeqCst) {
            self.store.complete(lease, outcome)
        } else {
            down()
        }
    }
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, Error>> {
        self.store.release(lease)
    }
    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        until: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        self.store.renew(lease, until)
    }
    fn record<'a>(
        &'a self,
        attempt: &'a Attempt,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<Claimed, Error>> {
        self.store.record(attempt, outcome)
    }
    fn sweep(&self, now: DateTime<Utc>, limit: u32) -> BoxFuture<'_, Result<u64, Error>> {
        self.store.sweep(now, limit)
    }
}

#[tokio::test]
async fn a_store_that_is_down_at_the_claim_is_503_and_runs_nothing() {
    let claims = Arc::new(AtomicBool::new(false));
    let app = App::on(|store| {
        IdempotencyLayer::new(Flaky { store, claims: claims.clone(), completes: claims.clone() })
    })
    .await;
    let call = post("/", "one");
    let answer = app.call(&call).await;
    assert_eq!((answer.status, answer.is_problem(), app.runs()), (503, true, 0));
    claims.store(true, Ordering::SeqCst);
    assert_eq!(app.call(&call).await.status, 201);
}

#[tokio::test]
async fn a_store_that_is_down_at_the_end_lets_the_answer_out_and_keeps_the_lease() {
    let completes = Arc::new(AtomicBool::new(false));
    let claims = Arc::new(AtomicBool::new(true));
    let app = App::on(|store| {
        IdempotencyLayer::new(Flaky { store, claims, completes: completes.clone() })
    })
    .await;
    let call = post("/", "one");
    assert_eq!(app.call(&call).await.status, 201);
    completes.store(true, Ordering::SeqCst);
    assert_eq!(app.call(&call).await.status, 409);
    assert_eq!(app.runs(), 1);
}

#[tokio::test]
async fn derived_keys_are_one_for_each_request_and_label() {
    let db = sqlite().await;
    let router = Router::new()
        .route(
            "/",
            on_post(async |idempotency: Idempotency| {
                // Released, so that it runs again.
                (
                    Keep::No,
                    format!("{} {}", idempotency.derive("charge"), idempotency.derive("mail")),
                )
            }),
        )
        .layer(IdempotencyLayer::new(db.store()));
    let of = async |call: &Call| {
        Answer::of(router.clone().oneshot(call.request()).await.unwrap()).await.body
    };
    let call = post("/", "one");
    let keys = of(&call).await;
    assert_eq!(keys, of(&call).await);
    assert_ne!(keys, of(&Call { key: Some("other".into()), ..call.clone() }).await);
    let (charge, mail) = keys.split_once(' ').unwrap();
    assert!(charge.len() == 64 && mail.len() == 64 && charge != mail);
}

#[tokio::test]
async fn the_extractor_without_a_layer_is_500() {
    let router = Router::new().route("/", get(async |_: Idempotency| "unreachable"));
    let answer = Answer::of(router.oneshot(Request::new(Body::empty())).await.unwrap()).await;
    assert_eq!((answer.status, answer.is_problem()), (500, true));
}

#[tokio::test]
async fn two_mounts_of_nested_routers_are_told_apart_by_name() {
    let db = sqlite().await;
    let inner = |mount| {
        let policy = Policy::default().mount(mount);
        Router::new()
            .route("/x", on_post(move || async move { mount }))
            .layer(IdempotencyLayer::new(db.store()).policy(policy))
    };
    let router = Router::new().nest("/a", inner("/a")).nest("/b", inner("/b"));
    let call = post("/a/x", "");
    let of = async |path| {
        let call = Call { path, ..call.clone() };
        Answer::of(router.clone().oneshot(call.request()).await.unwrap()).await
    };
    assert_eq!(of("/a/x").await.body, "/a");
    assert_eq!(of("/b/x").await.status, 422);
    assert_eq!(of("/a/x").await.body, "/a");
}

/// A service that insists on tower's contract.
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        std::future::ready(Ok(Response::new(Body::empty())))
    }
}

#[tokio::test]
async fn the_service_that_was_polled_ready_is_the_one_called() {
    let db = sqlite().await;
    let mut service = IdempotencyLayer::new(db.store()).layer(Strict { ready: false });
    for method in ["GET", "POST", "POST"] {
        let call = Call { method, ..post("/", "") };
        let response = service.ready().await.unwrap().call(call.request()).await.unwrap();
        assert_eq!(response.status(), 200);
    }
}

#[tokio::test]
async fn it_works_under_buffer_and_concurrency_limit() {
    let db = sqlite().await;
    let service = ServiceBuilder::new()
        .buffer(8)
        .concurrency_limit(2)
        .layer(IdempotencyLayer::new(db.store()))
        .concurrency_limit(2)
        .service(Strict { ready: false });
    let answers = join_all((0..20).map(|_| {
        let (service, call) = (service.clone(), post("/", ""));
        async move { service.oneshot(call.request()).await.unwrap().status() }
    }))
    .await;
    assert!(answers.iter().all(|status| *status == 200));
}

async fn until(condition: impl Fn() -> bool) {
    tokio::time::timeout(Duration::from_secs(20), async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the condition comes true");
}
