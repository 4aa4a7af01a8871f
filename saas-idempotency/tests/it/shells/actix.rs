use std::any::Any;
use std::net::SocketAddr;

use actix_web::dev::{ServerHandle, Service};
use actix_web::http::StatusCode;
use actix_web::middleware::Condition;
use actix_web::{App, HttpMessage, HttpRequest, HttpResponse, HttpServer, web};
use futures_util::StreamExt;
use saas_idempotency::{IdempotencyMiddleware, Policy};

use super::work::{Body, Made, Work, derive, fail, scope};
use super::{Actix, Hand, Layout, Setup, Shell};

impl Shell for Actix {
    async fn serve(setup: Setup, work: Work) -> (SocketAddr, Box<dyn Any + Send + Sync>) {
        let layout = setup.layout;
        let whole = middleware(
            &setup,
            match layout {
                Layout::Nested => setup.policy.clone().optional(),
                _ => setup.policy.clone(),
            },
        );
        let inner = middleware(&setup, setup.policy.clone());
        let server = HttpServer::new(move || {
            let routes = |scope: actix_web::Scope| {
                scope
                    .route("/derive", web::post().to(derive))
                    .route("/fail", web::post().to(fail))
                    .default_service(web::to(handle))
            };
            let covered = matches!(layout, Layout::Whole | Layout::Nested);
            let app = App::new().app_data(web::Data::new(work.clone()));
            let app = match layout {
                Layout::Whole | Layout::Absent => app.service(routes(web::scope(""))),
                Layout::Mounts => app
                    .service(routes(web::scope("/a")).wrap(inner.clone()))
                    .service(routes(web::scope("/b")).wrap(inner.clone())),
                Layout::Nested => app
                    .service(routes(web::scope("/strict")).wrap(inner.clone()))
                    .service(routes(web::scope(""))),
            };
            app.wrap(Condition::new(covered, whole.clone())).wrap_fn(|request, next| {
                let header =
                    |name: &str| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
                if let Some(scope) = scope(header) {
                    request.extensions_mut().insert(scope);
                }
                next.call(request)
            })
        });
        let server = server.workers(2).disable_signals().bind("127.0.0.1:0").unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let stop = Stop(server.handle());
        tokio::spawn(server);
        (address, Box::new(stop))
    }
}

/// Stops a server when it is dropped.
struct Stop(ServerHandle);

impl Drop for Stop {
    fn drop(&mut self) {
        // Sent at once, and nobody waits for the answer.
        drop(self.0.stop(false));
    }
}

fn middleware(setup: &Setup, policy: Policy) -> IdempotencyMiddleware {
    let middleware = IdempotencyMiddleware::new(setup.store.clone()).policy(policy);
    match &setup.clock {
        Some(clock) => middleware.clock(Hand(clock.clone())),
        None => middleware,
    }
}

async fn handle(
    work: web::Data<Work>,
    request: HttpRequest,
    mut payload: web::Payload,
) -> HttpResponse {
    let run = work.begin();
    let asked = match request.headers().contains_key("x-first-piece") {
        true => payload.next().await.unwrap().unwrap(),
        false => payload.to_bytes().await.unwrap(),
    };
    response(work.answer(run, std::str::from_utf8(&asked).unwrap()).await)
}

fn response(made: Made) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(made.status).unwrap());
    for header in made.headers {
        response.append_header(header);
    }
    let mut response = match made.body {
        Body::Whole(bytes) => response.body(bytes),
        Body::Pieces(pieces) => response.streaming(pieces),
    };
    if let Some(keep) = made.keep {
        response.extensions_mut().insert(keep);
    }
    response
}
