//! Who asks: what the domain finds out, put around routes.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use invoicing_domain::auth::{self, Credentials};
use invoicing_domain::{App, Db};
use saas_idempotency::Scope;

use crate::extract::{Current, State, head};

/// Lets a request pass whose key stands for a tenant, and says so to what comes after.
pub async fn tenant<D: Db, B: MessageBody>(
    State(app): State<App<D>>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let credentials = Credentials::of(&app, &head(request.request()))?;
    let tenant = auth::tenant(&app, credentials).await?;
    request.extensions_mut().insert(Current(tenant));
    request.extensions_mut().insert(Scope::tenant(tenant));
    next.call(request).await
}

/// Lets a request pass that has the operator's token.
pub async fn operator<D: Db, B: MessageBody>(
    State(app): State<App<D>>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let credentials = Credentials::of(&app, &head(request.request()))?;
    auth::operator(&app, credentials)?;
    next.call(request).await
}
