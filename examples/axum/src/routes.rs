//! Every path of the contract, and the order of the layers.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use invoicing_domain::{App, Db, policy};
use saas_core::Problem;
use saas_idempotency::{IdempotencyLayer, SqlStore};
use tower_http::catch_panic::CatchPanicLayer;

use crate::extract::head;
use crate::handlers::*;
use crate::{auth, observe};

/// What executes each request under a key once. Made once: it is about requests of the whole process.
pub fn idempotency<D: Db>(app: &App<D>) -> IdempotencyLayer {
    let store = SqlStore::new(app.db.pool().clone()).statements(app.statements);
    IdempotencyLayer::new(store).policy(policy()).atomic().statements(app.statements)
}

/// The whole service.
pub fn router<D: Db>(app: App<D>, idempotency: IdempotencyLayer) -> Router {
    let keyed = |method: MethodRouter<App<D>>| method.route_layer(idempotency.clone());
    // On the method, not the path: what the path does not know is 405 whoever asks.
    let operators = |method: MethodRouter<App<D>>| {
        method.route_layer(from_fn_with_state(app.clone(), auth::operator::<D>))
    };
    let v1 = Router::new()
        .route("/customers", get(list_customers::<D>).merge(keyed(post(create_customer::<D>))))
        .route(
            "/customers/{id}",
            get(get_customer::<D>).patch(patch_customer::<D>).delete(delete_customer::<D>),
        )
        .route("/customers/{id}/restore", post(restore_customer::<D>))
        .route("/invoices", get(list_invoices::<D>).merge(keyed(post(create_invoice::<D>))))
        .route("/invoices/{id}", get(get_invoice::<D>).delete(delete_invoice::<D>))
        .route("/invoices/{id}/send", keyed(post(send_invoice::<D>)))
        .route("/jobs/{id}", get(get_job::<D>))
        .route_layer(from_fn_with_state(app.clone(), auth::tenant::<D>))
        .route("/tenants", operators(post(create_tenant::<D>)))
        .route_layer(from_fn_with_state(app.clone(), admitted::<D>))
        .route("/openapi.json", get(openapi));
    observed(watched().nest("/api/v1", v1), app)
}

/// Only what whoever watches the process asks.
pub fn watch<D: Db>(app: App<D>) -> Router {
    observed(watched(), app)
}

fn watched<D: Db>() -> Router<App<D>> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz::<D>))
        .route("/metrics", get(metrics::<D>))
}

fn observed<D: Db>(routes: Router<App<D>>, app: App<D>) -> Router {
    routes
        .fallback(|| async { Problem::new(404) })
        .layer(CatchPanicLayer::custom(observe::panicked))
        .layer(map_response(observe::as_problem))
        .layer(from_fn_with_state(app.clone(), observe::request::<D>))
        .with_state(app)
}

/// Lets so many requests in at once; who waits has not been read beyond the head.
async fn admitted<D: Db>(
    State(app): State<App<D>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let share = app.admission.share(&head(&request));
    app.admission.admit(share, next.run(request)).await
}
