//! The two shells, as one thing that can be asked.

use std::net::{IpAddr, SocketAddr};

use actix_web::dev::Service as _;
use actix_web::{HttpMessage, web};
use axum::extract::ConnectInfo;
use http_body_util::BodyExt;
use saas_core::TenantId;
use saas_tenancy::resolve::{Claim, CurrentTenant, Resolver};
use saas_tenancy::{TenantLayer, TenantMiddleware};
use tower::ServiceExt;

/// One request.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) host: String,
    path: String,
    pub(super) peer: Option<IpAddr>,
    claim: Option<TenantId>,
    headers: Vec<(&'static str, String)>,
}

impl Default for Asked {
    fn default() -> Self {
        let (host, path) = ("api.example.test".to_owned(), "/".to_owned());
        Self { host, path, peer: None, claim: None, headers: Vec::new() }
    }
}

impl Asked {
    pub(super) fn at(host: &str) -> Self {
        Self { host: host.to_owned(), ..Self::default() }
    }
    pub(super) fn path(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }
    pub(super) fn peer(self, peer: &str) -> Self {
        Self { peer: Some(peer.parse().unwrap()), ..self }
    }
    pub(super) fn claim(self, tenant: TenantId) -> Self {
        Self { claim: Some(tenant), ..self }
    }
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
    fn peer_address(&self) -> Option<SocketAddr> {
        self.peer.map(|ip| SocketAddr::new(ip, 4711))
    }
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Tenant(TenantId),
    Problem { status: u16, media_type: String, body: String },
}

impl Answer {
    fn of(status: u16, media_type: Option<&[u8]>, body: &[u8]) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        match status {
            200 => Self::Tenant(text(body).parse().unwrap()),
            _ => Self::Problem {
                status,
                media_type: media_type.map(text).unwrap_or_default(),
                body: text(body),
            },
        }
    }

    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Tenant(_) => 200,
            Self::Problem { status, .. } => *status,
        }
    }
}

/// A framework with our shell around a handler that says whose request it is.
pub(super) trait Shell {
    async fn ask(resolver: Option<Resolver>, asked: Asked) -> Answer;
}

pub(super) struct Axum;
pub(super) struct Actix;

async fn whoami(CurrentTenant(tenant): CurrentTenant) -> String {
    tenant.to_string()
}

impl Shell for Axum {
    async fn ask(resolver: Option<Resolver>, asked: Asked) -> Answer {
        let mut app = axum::Router::new().fallback(whoami);
        if let Some(resolver) = resolver {
            app = app.layer(TenantLayer::new(resolver).peer(|extensions| {
                extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
            }));
        }
        let mut request =
            axum::http::Request::builder().uri(&asked.path).header("host", &asked.host);
        for (name, value) in &asked.headers {
            request = request.header(*name, value);
        }
        let mut request = request.body(axum::body::Body::empty()).unwrap();
        if let Some(peer) = asked.peer_address() {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        if let Some(tenant) = asked.claim {
            request.extensions_mut().insert(Claim(tenant));
        }
        let response = app.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let media_type = response.headers().get("content-type").cloned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer::of(status, media_type.as_ref().map(axum::http::HeaderValue::as_bytes), &body)
    }
}

impl Shell for Actix {
    async fn ask(resolver: Option<Resolver>, asked: Asked) -> Answer {
        let covered = resolver.is_some();
        let resolver = resolver.unwrap_or_else(super::resolver);
        let app = actix_web::App::new()
            .default_service(web::to(whoami))
            .wrap(actix_web::middleware::Condition::new(covered, TenantMiddleware::new(resolver)));
        let app = actix_web::test::init_service(app).await;
        let mut request = actix_web::test::TestRequest::with_uri(&asked.path)
            .insert_header(("host", asked.host.as_str()));
        for (name, value) in &asked.headers {
            request = request.append_header((*name, value.as_str()));
        }
        if let Some(peer) = asked.peer_address() {
            request = request.peer_addr(peer);
        }
        let request = request.to_request();
        if let Some(tenant) = asked.claim {
            request.extensions_mut().insert(Claim(tenant));
        }
        // A service that errs answers with its error's response.
        let (status, media_type, body) = match app.call(request).await {
            Ok(response) => {
                let media_type = response.headers().get("content-type").cloned();
                (response.status(), media_type, actix_web::test::read_body(response).await)
            }
            Err(error) => {
                let response = error.error_response();
                let media_type = response.headers().get("content-type").cloned();
                let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
                (error.as_response_error().status_code(), media_type, body)
            }
        };
        Answer::of(
            status.as_u16(),
            media_type.as_ref().map(actix_web::http::header::HeaderValue::as_bytes),
            &body,
        )
    }
}
