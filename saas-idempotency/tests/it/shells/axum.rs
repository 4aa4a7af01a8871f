use std::any::Any;
use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body as AxumBody;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::post;
use futures_util::StreamExt;
use http_body_util::BodyExt;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use saas_idempotency::{IdempotencyLayer, Policy};
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::work::{Body, Made, Work, derive, fail, scope};
use super::{Hand, Layout, Setup, Shell, Tower};

impl Shell for Tower {
    async fn serve(setup: Setup, work: Work) -> (SocketAddr, Box<dyn Any + Send + Sync>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = router(&setup, work);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = router.clone().map_request(authenticated);
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)),
                );
            }
        });
        (address, Box::new(Abort(accepting)))
    }
}

/// Stops a task when it is dropped.
struct Abort(tokio::task::JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn layer(setup: &Setup, policy: Policy) -> IdempotencyLayer {
    let layer = IdempotencyLayer::new(setup.store.clone()).policy(policy);
    match &setup.clock {
        Some(clock) => layer.clock(Hand(clock.clone())),
        None => layer,
    }
}

fn router(setup: &Setup, work: Work) -> Router {
    let policy = || setup.policy.clone();
    let routes = Router::new().route("/derive", post(derive)).route("/fail", post(fail));
    let routes = routes.fallback(move |request| handle(work.clone(), request));
    match setup.layout {
        Layout::Whole => routes.layer(layer(setup, policy())),
        Layout::Mounts => ["/a", "/b"].into_iter().fold(Router::new(), |router, mount| {
            let layer = layer(setup, policy().mount(mount));
            router.nest(mount, routes.clone().layer(layer))
        }),
        Layout::Nested => Router::new()
            .nest("/strict", routes.clone().layer(layer(setup, policy())))
            .merge(routes)
            .layer(layer(setup, policy().optional())),
        Layout::Absent => routes,
    }
}

fn authenticated(request: http::Request<hyper::body::Incoming>) -> Request {
    let (mut parts, body) = request.into_parts();
    let header = |name: &str| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
    if let Some(scope) = scope(header) {
        parts.extensions.insert(scope);
    }
    Request::from_parts(parts, AxumBody::new(body))
}

async fn handle(work: Work, request: Request) -> Result<Response, Infallible> {
    let run = work.begin();
    let asked = match request.headers().contains_key("x-first-piece") {
        true => request.into_body().into_data_stream().next().await.unwrap().unwrap(),
        false => request.into_body().collect().await.unwrap().to_bytes(),
    };
    let made = work.answer(run, std::str::from_utf8(&asked).unwrap()).await;
    Ok(response(made))
}

fn response(made: Made) -> Response {
    let mut response = Response::builder().status(made.status);
    for (name, value) in made.headers {
        response = response.header(name, value);
    }
    if let Some(keep) = made.keep {
        response = response.extension(keep);
    }
    let body = match made.body {
        Body::Whole(bytes) => AxumBody::from(bytes),
        Body::Pieces(pieces) => AxumBody::from_stream(pieces),
    };
    response.body(body).unwrap()
}
