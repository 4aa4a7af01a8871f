//! Every path of the contract. A handler takes a request apart and puts an answer together; what
//! happens in between is in the domain.

use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use invoicing_domain::admission::{Admission, Gate};
use invoicing_domain::customers::{self, Customer};
use invoicing_domain::failpoint::point;
use invoicing_domain::invoices::{self, Invoice};
use invoicing_domain::lists::{self, CUSTOMERS, INVOICES};
use invoicing_domain::{App, Db, send, tenants};
use saas_core::Problem;
use saas_idempotency::{Idempotency, IdempotencyLayer, Policy, Reply, SqlStore};
use saas_jobs::JobId;
use saas_pagination::Page;
use serde_json::Value;
use sqlx::Pool;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::auth::{self, Current};
use crate::body::{self, Body, PathId};
use crate::start::Error;
use crate::{health, observe};

/// What executes each request under a key once. Who ends the process waits for it to be finished.
pub fn idempotency<D: Db>(pool: Pool<D>) -> IdempotencyLayer {
    let policy = Policy::default()
        .methods(["POST"])
        // Answered before the handler decided anything.
        .release(400)
        .release(415);
    IdempotencyLayer::new(SqlStore::new(pool)).policy(policy).atomic()
}

/// The whole service.
pub fn router<D: Db>(
    app: App<D>,
    admission: Admission,
    idempotency: IdempotencyLayer,
) -> Result<Router, Error> {
    let Admission { requests, keys, work } = admission;
    let work = || from_fn_with_state(work.clone(), at_work);
    let keyed = Router::new()
        .route("/customers", get(list_customers::<D>).post(create_customer::<D>))
        .route("/invoices", get(list_invoices::<D>).post(create_invoice::<D>))
        .route("/invoices/{id}/send", post(send_invoice::<D>))
        // Inside: duplicates of one request wait for each other without a slot.
        .route_layer(work())
        .route_layer(idempotency);
    let tenants_own = Router::new()
        .route(
            "/customers/{id}",
            get(get_customer::<D>).patch(patch_customer::<D>).delete(delete_customer::<D>),
        )
        .route("/customers/{id}/restore", post(restore_customer::<D>))
        .route("/invoices/{id}", get(get_invoice::<D>).delete(delete_invoice::<D>))
        .route("/jobs/{id}", get(get_job::<D>))
        .route_layer(work())
        .merge(keyed)
        .route_layer(from_fn_with_state((app.clone(), keys), auth::tenant::<D>));
    // On the method, not the route: what the path does not know is 405 whoever asks.
    let create_tenant = post(create_tenant::<D>)
        .route_layer(work())
        .route_layer(from_fn_with_state(app.clone(), auth::operator::<D>));
    let v1 = tenants_own
        .route("/tenants", create_tenant)
        .route_layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            Duration::from_secs(30),
        ))
        .route_layer(from_fn_with_state(requests, admitted));
    let recorder = observe::recorder()?;
    Ok(Router::new()
        .nest("/api/v1", v1)
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz::<D>))
        .route("/metrics", get(move || async move { recorder.render() }))
        .fallback(|| async { Problem::new(404) })
        .layer(CatchPanicLayer::custom(observe::panicked))
        .layer(map_response(observe::as_problem))
        .layer(from_fn(observe::request))
        .with_state(app))
}

/// Lets so many requests in at once; who waits has not been read beyond the head.
async fn admitted(
    State(gate): State<Gate>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    gate.pass(next.run(request)).await
}

/// Lets so many requests at the database at once, each when nothing of it is missing.
async fn at_work(
    State(gate): State<Gate>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let request = body::whole(request).await?;
    gate.pass(next.run(request)).await
}

type Answer = Result<Response, Problem>;

async fn create_tenant<D: Db>(
    State(app): State<App<D>>,
    Body(body): Body,
) -> Result<Reply, Problem> {
    tenants::create(&app, body).await
}

async fn create_customer<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    idempotency: Idempotency,
    Body(body): Body,
) -> Result<Reply, Problem> {
    point("idempotency.admitted");
    let reply = customers::create(&app, tenant, &idempotency, body).await;
    point("reply.before");
    reply
}

async fn list_customers<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = query.unwrap_or_default();
    Ok(page(&lists::page(&app, tenant, &CUSTOMERS, &query).await?, &query))
}

async fn get_customer<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<Customer>,
) -> Answer {
    Ok(customer(&customers::get(&app, tenant, id).await?))
}

async fn patch_customer<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<Customer>,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let tags: Vec<_> =
        headers.get_all(header::IF_MATCH).iter().filter_map(|tag| tag.to_str().ok()).collect();
    let if_match = headers.contains_key(header::IF_MATCH).then(|| tags.join(","));
    Ok(customer(&customers::patch(&app, tenant, id, if_match.as_deref(), body).await?))
}

async fn delete_customer<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<Customer>,
) -> Result<StatusCode, Problem> {
    customers::delete(&app, tenant, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn restore_customer<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<Customer>,
) -> Answer {
    Ok(customer(&customers::restore(&app, tenant, id).await?))
}

async fn create_invoice<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    idempotency: Idempotency,
    Body(body): Body,
) -> Result<Reply, Problem> {
    point("idempotency.admitted");
    let reply = invoices::create(&app, tenant, &idempotency, body).await;
    point("reply.before");
    reply
}

async fn list_invoices<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = query.unwrap_or_default();
    Ok(page(&lists::page(&app, tenant, &INVOICES, &query).await?, &query))
}

async fn get_invoice<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<Invoice>,
) -> Result<Reply, Problem> {
    invoices::get(&app, tenant, id).await?.reply(200)
}

async fn delete_invoice<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<Invoice>,
) -> Result<StatusCode, Problem> {
    invoices::delete(&app, tenant, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn send_invoice<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<Invoice>,
    idempotency: Idempotency,
) -> Result<Reply, Problem> {
    point("idempotency.admitted");
    let reply = send::request(&app, tenant, &idempotency, id).await;
    point("reply.before");
    reply
}

async fn get_job<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<JobMark>,
) -> Answer {
    let status = send::status(&app, tenant, JobId::from_uuid(id.uuid())).await?;
    Ok(json(&status))
}

/// Stands for a job in a path, until its own id type is made.
#[derive(Debug)]
struct JobMark;

fn customer(customer: &Customer) -> Response {
    ([(header::ETAG, customers::etag(customer.version))], json(customer)).into_response()
}

fn page<T: serde::Serialize>(page: &Page<T>, query: &str) -> Response {
    let links = page.links(query).map(|links| [(header::LINK, links)]);
    (links, json(page)).into_response()
}

fn json(value: &impl serde::Serialize) -> Response {
    let value = serde_json::to_vec(value).unwrap_or_else(|_| Value::Null.to_string().into_bytes());
    ([(header::CONTENT_TYPE, "application/json")], value).into_response()
}
