//! What only actix-web has: middleware around an app, a scope or a resource, and services that err.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::error::{ErrorInternalServerError, ErrorNotFound, InternalError};
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::{App, Error, HttpMessage, HttpRequest, HttpResponse, web};
use saas_idempotency::{IdempotencyMiddleware, MemoryStore, Scope};

fn middleware() -> IdempotencyMiddleware {
    IdempotencyMiddleware::new(MemoryStore::new())
}

fn post(path: &str) -> TestRequest {
    TestRequest::post().uri(path).insert_header(("idempotency-key", "k")).set_payload("body")
}

/// Status, whether it was replayed, and the body, of a response or of what stands for an error.
async fn told<B: MessageBody + 'static>(
    result: Result<ServiceResponse<B>, Error>,
) -> (u16, bool, String) {
    let response = match result {
        Ok(response) => response.map_into_boxed_body(),
        Err(error) => ServiceResponse::from_err(error, TestRequest::default().to_http_request()),
    };
    let replayed = response.headers().contains_key("idempotency-replayed");
    let status = response.status().as_u16();
    (status, replayed, String::from_utf8(read_body(response).await.to_vec()).unwrap())
}

/// Sends the same twice.
macro_rules! twice {
    ($app:expr, $path:expr) => {{
        let app = init_service($app.wrap_fn(|request, next| {
            request.extensions_mut().insert(Scope::user("ann"));
            next.call(request)
        }))
        .await;
        [
            told(app.call(post($path).to_request()).await).await,
            told(app.call(post($path).to_request()).await).await,
        ]
    }};
}

/// A handler that takes all there is to take of a request.
async fn echo(request: HttpRequest, id: web::Path<u32>, body: String) -> HttpResponse {
    HttpResponse::Created().body(format!("{} {id} {body}", request.match_name().unwrap_or("-")))
}

#[actix_web::test]
async fn it_stands_around_an_app_a_scope_or_a_resource() {
    let items = || web::resource("/items/{id}").name("item").route(web::post().to(echo));
    let around_app = twice!(App::new().service(items()).wrap(middleware()), "/items/7");
    let scope = web::scope("/v1").service(web::scope("/deep").service(items())).wrap(middleware());
    let around_scope = twice!(App::new().service(scope), "/v1/deep/items/7");
    let around_resource = twice!(App::new().service(items().wrap(middleware())), "/items/7");
    for [first, again] in [around_app, around_scope, around_resource] {
        assert_eq!(first, (201, false, "item 7 body".to_owned()));
        assert_eq!(again, (201, true, "item 7 body".to_owned()));
    }
}

#[actix_web::test]
async fn an_error_of_another_middleware_is_an_answer_like_any_other() {
    let taken = || InternalError::from_response("taken", HttpResponse::Conflict().body("taken"));
    for (status, body, kept) in [(404, "missing", true), (500, "broken", false)] {
        let error = move || match status {
            404 => ErrorNotFound(body),
            _ => ErrorInternalServerError(body),
        };
        let runs = Arc::new(AtomicUsize::new(0));
        let seen = runs.clone();
        let app = App::new().default_service(web::to(HttpResponse::Ok)).wrap_fn(move |_, _| {
            seen.fetch_add(1, Ordering::SeqCst);
            std::future::ready(Err::<ServiceResponse, _>(error()))
        });
        let [first, again] = twice!(app.wrap(middleware()), "/");
        assert_eq!(first, (status, false, body.to_owned()));
        assert_eq!(again, (status, kept, body.to_owned()));
        assert_eq!(runs.load(Ordering::SeqCst), if kept { 1 } else { 2 });
    }
    let app = App::new()
        .default_service(web::to(HttpResponse::Ok))
        .wrap_fn(move |_, _| std::future::ready(Err::<ServiceResponse, _>(taken().into())));
    let [first, again] = twice!(app.wrap(middleware()), "/");
    assert_eq!((first.0, first.2.as_str()), (409, "taken"), "a response of its own is not lost");
    assert_eq!((again.1, again.2.as_str()), (true, "taken"));
}

#[actix_web::test]
async fn two_apps_that_share_a_store_share_its_records() {
    let store = Arc::new(MemoryStore::new());
    let worker = || {
        let app = App::new().default_service(web::to(HttpResponse::Created));
        app.wrap(IdempotencyMiddleware::new(store.clone()))
    };
    let [first, _] = twice!(worker(), "/");
    let [again, _] = twice!(worker(), "/");
    assert_eq!((first.0, first.1, again.0, again.1), (201, false, 201, true));
}
