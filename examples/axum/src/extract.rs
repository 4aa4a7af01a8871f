//! What a request holds, taken out with the contract's answers to what is wrong with it.

use std::error::Error as _;
use std::net::IpAddr;

use axum::RequestExt;
use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Uri};
use http_body_util::LengthLimitError;
use invoicing_domain::head::Head;
use invoicing_domain::{body, limits};
use saas_core::{Id, Problem, TenantId};
use serde_json::Value;

/// What every request works with.
pub use axum::extract::State;

/// The other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The tenant of the request; only there behind [`tenant`](crate::auth::tenant).
#[derive(Debug, Clone, Copy)]
pub struct Current(pub TenantId);

impl<S: Sync> FromRequestParts<S> for Current {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().copied().ok_or_else(|| Problem::new(401))
    }
}

/// An id in the path. One that is malformed names nothing: 404, like one that nobody has.
#[derive(Debug)]
pub struct PathId<E>(pub Id<E>);

impl<S: Send + Sync, E> FromRequestParts<S> for PathId<E> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(|| Problem::new(404))
    }
}

/// The query string as it came.
#[derive(Debug)]
pub struct Query(pub String);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(parts.uri.query().unwrap_or_default().to_owned()))
    }
}

/// The tags of `If-Match`.
#[derive(Debug)]
pub struct IfMatch(pub Option<String>);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(head_of(&parts.headers, &parts.uri, &parts.extensions).if_match()))
    }
}

/// A JSON body, of whatever members; the domain judges those.
#[derive(Debug)]
pub struct Body(pub Value);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        body::expected(&head(&request))?;
        let bytes = to_bytes(request.with_limited_body().into_body(), limits::BODY).await;
        let bytes = bytes.map_err(|error| {
            match error.source().is_some_and(|source| source.is::<LengthLimitError>()) {
                true => body::too_large(),
                false => body::broken_off(),
            }
        })?;
        body::read(&bytes).map(Self)
    }
}

/// The head in plain values.
pub fn head(request: &Request) -> Head<'_> {
    head_of(request.headers(), request.uri(), request.extensions())
}

fn head_of<'r>(headers: &'r HeaderMap, uri: &'r Uri, extensions: &Extensions) -> Head<'r> {
    let peer = extensions.get::<Peer>().map(|Peer(address)| *address);
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    Head { peer, target: uri.host(), headers: headers.collect() }
}
