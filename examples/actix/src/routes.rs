//! Every path of the contract, and the order of the layers.

use std::future::ready;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use invoicing_domain::{App, Db, policy};
use saas_core::Problem;
use saas_idempotency::{IdempotencyMiddleware, SqlStore};

use crate::extract::{State, head};
use crate::handlers::*;
use crate::resource::{Method, delete, get, patch, post, resource};
use crate::{auth, observe};

/// What executes each request under a key once. Made once: it is about requests of the whole process.
pub fn idempotency<D: Db>(app: &App<D>) -> IdempotencyMiddleware {
    let store = SqlStore::new(app.db.pool().clone()).statements(app.statements);
    IdempotencyMiddleware::new(store).policy(policy()).atomic().statements(app.statements)
}

/// A service with these routes.
pub fn service<D: Db>(
    app: App<D>,
    routes: impl FnOnce(&mut ServiceConfig),
) -> actix_web::App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    actix_web::App::new()
        .app_data(app)
        .configure(routes)
        .default_service(web::to(|| ready(Problem::new(404))))
        .wrap(from_fn(observe::panicked))
        .wrap(from_fn(observe::as_problem))
        .wrap(from_fn(observe::request::<D, _>))
}

/// What whoever watches the process asks.
pub fn watched<D: Db>(routes: &mut ServiceConfig) {
    routes
        .service(resource("/healthz", vec![get(healthz)]))
        .service(resource("/readyz", vec![get(readyz::<D>)]))
        .service(resource("/metrics", vec![get(metrics::<D>)]));
}

/// Everything.
pub fn all<D: Db>(idempotency: IdempotencyMiddleware, routes: &mut ServiceConfig) {
    let keyed = |(name, route): Method| (name, route.wrap(idempotency.clone()));
    // On the method, not the path: what the path does not know is 405 whoever asks.
    let operators = |(name, route): Method| (name, route.wrap(from_fn(auth::operator::<D, _>)));
    let tenants_own = |path, methods| {
        let resource = resource(path, methods).wrap(from_fn(auth::tenant::<D, _>));
        resource.wrap(from_fn(admitted::<D, _>))
    };
    let v1 = web::scope("/api/v1")
        .service(tenants_own(
            "/customers",
            vec![get(list_customers::<D>), keyed(post(create_customer::<D>))],
        ))
        .service(tenants_own(
            "/customers/{id}",
            vec![get(get_customer::<D>), patch(patch_customer::<D>), delete(delete_customer::<D>)],
        ))
        .service(tenants_own("/customers/{id}/restore", vec![post(restore_customer::<D>)]))
        .service(tenants_own(
            "/invoices",
            vec![get(list_invoices::<D>), keyed(post(create_invoice::<D>))],
        ))
        .service(tenants_own(
            "/invoices/{id}",
            vec![get(get_invoice::<D>), delete(delete_invoice::<D>)],
        ))
        .service(tenants_own("/invoices/{id}/send", vec![keyed(post(send_invoice::<D>))]))
        .service(tenants_own("/jobs/{id}", vec![get(get_job::<D>)]))
        .service(
            resource("/tenants", vec![operators(post(create_tenant::<D>))])
                .wrap(from_fn(admitted::<D, _>)),
        )
        .service(resource("/openapi.json", vec![get(openapi)]));
    routes.service(v1).configure(watched::<D>);
}

/// Lets so many requests in at once; who waits has not been read beyond the head.
async fn admitted<D: Db, B: MessageBody>(
    State(app): State<App<D>>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let share = app.admission.share(&head(request.request()));
    app.admission.admit(share, async { next.call(request).await }).await?
}
