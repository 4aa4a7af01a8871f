//! Who asks: what the domain finds out, put around routes.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use invoicing_domain::auth::{self, Credentials};
use invoicing_domain::{App, Db};
use saas_core::Problem;
use saas_idempotency::Scope;

use crate::extract::{Current, State, head};

/// Lets a request pass whose key stands for a tenant, and says so to what comes after.
pub async fn tenant<D: Db>(
    State(app): State<App<D>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let credentials = Credentials::of(&app, &head(&request))?;
    let tenant = auth::tenant(&app, credentials).await?;
    request.extensions_mut().insert(Current(tenant));
    request.extensions_mut().insert(Scope::tenant(tenant));
    Ok(next.run(request).await)
}

/// Lets a request pass that has the operator's token.
pub async fn operator<D: Db>(
    State(app): State<App<D>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let credentials = Credentials::of(&app, &head(&request))?;
    auth::operator(&app, credentials)?;
    Ok(next.run(request).await)
}
