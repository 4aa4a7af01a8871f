//! The resolver as an actix-web middleware, and its answer as an extractor.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::header::{HOST, HeaderValue};
use actix_web::http::uri::Authority;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, ResponseError};
use futures_core::future::LocalBoxFuture;
use saas_core::Problem;

use crate::resolve::{Claim, CurrentTenant, Named, Resolver, Seen, Unresolved};

/// Lets a request pass whose tenant is found, which then stands in its extensions as
/// [`CurrentTenant`]; answers the others with a problem document.
///
/// Authentication that leaves a [`Claim`] comes before it; in actix-web that is the one wrapped
/// later:
///
/// ```
/// use actix_web::{App, web};
/// use saas_tenancy::TenantMiddleware;
/// use saas_tenancy::resolve::{CurrentTenant, Resolver};
///
/// async fn whoami(CurrentTenant(tenant): CurrentTenant) -> String {
///     tenant.to_string()
/// }
///
/// # fn app(resolver: Resolver) {
/// let app = App::new().route("/whoami", web::get().to(whoami)).wrap(TenantMiddleware::new(resolver));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct TenantMiddleware {
    resolver: Arc<Resolver>,
}

/// A service behind a [`TenantMiddleware`].
#[derive(Debug)]
pub struct TenantMiddlewareService<S> {
    inner: Rc<S>,
    resolver: Arc<Resolver>,
}

impl TenantMiddleware {
    /// Asks `resolver`.
    pub fn new(resolver: Resolver) -> Self {
        Self { resolver: Arc::new(resolver) }
    }
}

impl<S, B> Transform<S, ServiceRequest> for TenantMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = TenantMiddlewareService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(TenantMiddlewareService {
            inner: Rc::new(service),
            resolver: Arc::clone(&self.resolver),
        }))
    }
}

impl<S, B> Service<ServiceRequest> for TenantMiddlewareService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let named = named(&self.resolver, &request);
        let (inner, resolver) = (Rc::clone(&self.inner), Arc::clone(&self.resolver));
        Box::pin(async move {
            let tenant = match named {
                Ok(named) => resolver.find(named).await,
                Err(unresolved) => Err(unresolved),
            };
            match tenant {
                Ok(tenant) => {
                    request.extensions_mut().insert(CurrentTenant(tenant));
                    inner.call(request).await.map(ServiceResponse::map_into_left_body)
                }
                Err(unresolved) => {
                    let refusal = Problem::from(unresolved).error_response();
                    Ok(request.into_response(refusal).map_into_right_body())
                }
            }
        })
    }
}

fn named(resolver: &Resolver, request: &ServiceRequest) -> Result<Named, Unresolved> {
    let headers = request.headers();
    // What actix-web calls the connection's host is not asked: it believes what any client writes into
    // `Forwarded`.
    let hosts: Vec<_> = headers.get_all(HOST).map(HeaderValue::as_bytes).collect();
    let authority = request.uri().authority().map(Authority::as_str);
    let host = Seen::one_host(authority, &hosts)?;
    let claim = request.extensions().get::<Claim>().copied();
    resolver.named(&Seen {
        host,
        path: request.uri().path(),
        peer: request.peer_addr().map(|address| address.ip()),
        claim,
        headers: &|name| headers.get_all(name).map(HeaderValue::as_bytes).collect(),
    })
}

/// Without the middleware there is no tenant, and so no handler: 500, and the log says why.
impl FromRequest for CurrentTenant {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let current = request.extensions().get::<Self>().copied();
        ready(current.ok_or_else(|| {
            tracing::error!(
                "a handler takes the current tenant, but no TenantMiddleware covers its route"
            );
            Problem::new(500)
        }))
    }
}
