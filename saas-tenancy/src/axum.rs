//! The resolver as a tower layer, and its answer as an axum extractor.

use std::fmt;
use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_core::extract::FromRequestParts;
use futures_core::future::BoxFuture;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{Extensions, HeaderValue, Request, Response, StatusCode};
use saas_core::Problem;
use tower_layer::Layer;
use tower_service::Service;

use crate::resolve::{Claim, CurrentTenant, Named, Resolver, Seen, Unresolved};

type PeerOf = Arc<dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync>;

/// Lets a request pass whose tenant is found, which then stands in its extensions as
/// [`CurrentTenant`]; answers the others with a problem document.
///
/// Authentication that leaves a [`Claim`] comes before it:
///
/// ```
/// use std::net::SocketAddr;
/// use axum::{Router, extract::ConnectInfo, routing::get};
/// use saas_tenancy::TenantLayer;
/// use saas_tenancy::resolve::{CurrentTenant, Resolver};
///
/// async fn whoami(CurrentTenant(tenant): CurrentTenant) -> String {
///     tenant.to_string()
/// }
///
/// # fn routes(resolver: Resolver) -> Router {
/// let layer = TenantLayer::new(resolver)
///     // Only where a header of a proxy is to be believed:
///     .peer(|extensions| extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip()));
/// Router::new().route("/whoami", get(whoami)).layer(layer)
/// # }
/// ```
#[derive(Clone)]
pub struct TenantLayer {
    resolver: Arc<Resolver>,
    peer: PeerOf,
}

/// A service behind a [`TenantLayer`].
#[derive(Debug, Clone)]
pub struct TenantService<S> {
    inner: S,
    layer: TenantLayer,
}

impl TenantLayer {
    /// Asks `resolver`. Peers are not known, so no proxy is trusted.
    pub fn new(resolver: Resolver) -> Self {
        Self { resolver: Arc::new(resolver), peer: Arc::new(|_| None) }
    }

    /// Where to find the address that opened the connection.
    #[must_use]
    pub fn peer(
        mut self,
        of: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.peer = Arc::new(of);
        self
    }

    fn named<B>(&self, request: &Request<B>) -> Result<Named, Unresolved> {
        let headers = request.headers();
        let hosts: Vec<_> = headers.get_all(HOST).iter().map(HeaderValue::as_bytes).collect();
        let authority = request.uri().authority().map(Authority::as_str);
        let host = Seen::one_host(authority, &hosts)?;
        self.resolver.named(&Seen {
            host,
            path: request.uri().path(),
            peer: (self.peer)(request.extensions()),
            claim: request.extensions().get::<Claim>().copied(),
            headers: &|name| headers.get_all(name).iter().map(HeaderValue::as_bytes).collect(),
        })
    }
}

impl<S> Layer<S> for TenantLayer {
    type Service = TenantService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TenantService { inner, layer: self.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for TenantService<S>
where
    S: Service<Request<B>, Response = Response<R>, Error: Send, Future: Send>
        + Clone
        + Send
        + 'static,
    B: Send + 'static,
    R: From<String> + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<R>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The clone is not ready: swap, so that the service that was polled is the one called.
        let clone = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, clone);
        let named = self.layer.named(&request);
        let resolver = Arc::clone(&self.layer.resolver);
        Box::pin(async move {
            let tenant = match named {
                Ok(named) => resolver.find(named).await,
                Err(unresolved) => Err(unresolved),
            };
            match tenant {
                Ok(tenant) => {
                    request.extensions_mut().insert(CurrentTenant(tenant));
                    ready.call(request).await
                }
                Err(unresolved) => Ok(refusal(&unresolved.into())),
            }
        })
    }
}

fn refusal<R: From<String>>(problem: &Problem) -> Response<R> {
    let mut response = Response::new(R::from(problem.to_json()));
    *response.status_mut() =
        StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(Problem::CONTENT_TYPE));
    for (name, value) in problem.headers() {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(*name, value);
        }
    }
    response
}

/// Without the layer there is no tenant, and so no handler: 500, and the log says why.
impl<S: Send + Sync> FromRequestParts<S> for CurrentTenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().copied().ok_or_else(|| {
            tracing::error!(
                "a handler takes the current tenant, but no TenantLayer covers its route"
            );
            Problem::new(500)
        })
    }
}

impl fmt::Debug for TenantLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantLayer").field("resolver", &self.resolver).finish_non_exhaustive()
    }
}
