//! Every call of the contract: a request taken apart; what happens then, and what is answered, is in
//! the domain. The same file whatever the framework.

use invoicing_domain::customers::{self, Customer};
use invoicing_domain::invoices::{self, Invoice};
use invoicing_domain::send::{self, JobView};
use invoicing_domain::{App, Db, health, openapi, tenants};
use saas_core::Problem;
use saas_idempotency::{Idempotency, Reply};

use crate::extract::{Body, Current, IfMatch, PathId, Query, State};

/// What is answered.
type Answer = Result<Reply, Problem>;

pub async fn healthz() -> Reply {
    health::alive()
}

pub async fn readyz<D: Db>(State(app): State<App<D>>) -> Answer {
    let tasks = app.tasks.clone();
    tasks.run(health::ready(app)).await
}

pub async fn metrics<D: Db>(State(app): State<App<D>>) -> Reply {
    app.metrics.show()
}

pub async fn openapi() -> Reply {
    openapi::show()
}

pub async fn create_tenant<D: Db>(State(app): State<App<D>>, Body(body): Body) -> Answer {
    app.at_work(|app| tenants::create(app, body)).await
}

pub async fn list_customers<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    Query(query): Query,
) -> Answer {
    app.at_work(|app| customers::list(app, tenant, query)).await
}

pub async fn create_customer<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    idempotency: Idempotency,
    Body(body): Body,
) -> Answer {
    app.at_work(|app| customers::create(app, tenant, idempotency, body)).await
}

pub async fn get_customer<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<Customer>,
) -> Answer {
    app.at_work(|app| customers::get(app, tenant, id)).await
}

pub async fn patch_customer<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<Customer>,
    IfMatch(tags): IfMatch,
    Body(body): Body,
) -> Answer {
    app.at_work(|app| customers::patch(app, tenant, id, tags, body)).await
}

pub async fn delete_customer<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<Customer>,
    IfMatch(tags): IfMatch,
) -> Answer {
    app.at_work(|app| customers::delete(app, tenant, id, tags)).await
}

pub async fn restore_customer<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<Customer>,
) -> Answer {
    app.at_work(|app| customers::restore(app, tenant, id)).await
}

pub async fn list_invoices<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    Query(query): Query,
) -> Answer {
    app.at_work(|app| invoices::list(app, tenant, query)).await
}

pub async fn create_invoice<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    idempotency: Idempotency,
    Body(body): Body,
) -> Answer {
    app.at_work(|app| invoices::create(app, tenant, idempotency, body)).await
}

pub async fn get_invoice<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<Invoice>,
) -> Answer {
    app.at_work(|app| invoices::get(app, tenant, id)).await
}

pub async fn delete_invoice<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<Invoice>,
    IfMatch(tags): IfMatch,
) -> Answer {
    app.at_work(|app| invoices::delete(app, tenant, id, tags)).await
}

pub async fn send_invoice<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<Invoice>,
    idempotency: Idempotency,
) -> Answer {
    app.at_work(|app| send::request(app, tenant, idempotency, id)).await
}

pub async fn get_job<D: Db>(
    State(app): State<App<D>>,
    Current(tenant): Current,
    PathId(id): PathId<JobView>,
) -> Answer {
    app.at_work(|app| send::status(app, tenant, id)).await
}
