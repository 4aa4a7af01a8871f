//! What a request holds, taken out with the contract's answers to what is wrong with it.

use std::future::{Ready, ready};

use actix_web::body::{BodyStream, to_bytes_limited};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::LocalBoxFuture;
use invoicing_domain::head::Head;
use invoicing_domain::{body, limits};
use saas_core::{Id, Problem, TenantId};
use serde_json::Value;

/// What every request works with.
#[derive(Debug)]
pub struct State<T>(pub T);

impl<T: Clone + 'static> FromRequest for State<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = request.app_data::<T>().cloned();
        ready(state.map(Self).ok_or_else(|| Problem::new(500)))
    }
}

/// The tenant of the request; only there behind [`tenant`](crate::auth::tenant).
#[derive(Debug, Clone, Copy)]
pub struct Current(pub TenantId);

impl FromRequest for Current {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let current = request.extensions().get::<Self>().copied();
        ready(current.ok_or_else(|| Problem::new(401)))
    }
}

/// An id in the path. One that is malformed names nothing: 404, like one that nobody has.
#[derive(Debug)]
pub struct PathId<E>(pub Id<E>);

impl<E> FromRequest for PathId<E> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("id").and_then(|text| text.parse().ok());
        ready(id.map(Self).ok_or_else(|| Problem::new(404)))
    }
}

/// The query string as it came.
#[derive(Debug)]
pub struct Query(pub String);

impl FromRequest for Query {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.query_string().to_owned())))
    }
}

/// The tags of `If-Match`.
#[derive(Debug)]
pub struct IfMatch(pub Option<String>);

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(head(request).if_match())))
    }
}

/// A JSON body, of whatever members; the domain judges those.
#[derive(Debug)]
pub struct Body(pub Value);

impl FromRequest for Body {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let expected = body::expected(&head(request));
        let payload = BodyStream::new(payload.take());
        Box::pin(async move {
            expected?;
            let bytes = to_bytes_limited(payload, limits::BODY).await;
            let bytes = bytes.map_err(|_| body::too_large())?.map_err(|_| body::broken_off())?;
            body::read(&bytes).map(Self)
        })
    }
}

/// The head in plain values.
pub fn head(request: &HttpRequest) -> Head<'_> {
    let peer = request.peer_addr().map(|address| address.ip());
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    Head { peer, target: request.uri().host(), headers: headers.collect() }
}
