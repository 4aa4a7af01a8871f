//! What a request holds, taken out with the contract's answers to what is wrong with it.

use std::error::Error as _;

use axum::RequestExt;
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use http_body_util::LengthLimitError;
use invoicing_domain::json;
use saas_core::{Id, Problem};
use serde_json::Value;

/// Bodies are at most this long.
const CAP: usize = 1 << 20;

/// A JSON body, of whatever members; the domain judges those.
#[derive(Debug)]
pub struct Body(pub Value);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        if !content_type.and_then(|value| value.to_str().ok()).is_some_and(is_json) {
            return Err(Problem::new(415).detail("send application/json"));
        }
        if is_told_too_large(request.headers()) {
            return Err(too_large());
        }
        let bytes = read(request.with_limited_body().into_body()).await?;
        let malformed = |error| Problem::new(400).detail(format!("the body is no JSON: {error}"));
        json::read(&bytes).map(Self).map_err(malformed)
    }
}

/// The request with its body in memory, so that nobody waits for a slow client while inside a gate.
/// One that is too large by its head is left to whoever refuses it.
pub async fn whole(request: Request) -> Result<Request, Problem> {
    if is_told_too_large(request.headers()) {
        return Ok(request);
    }
    let (parts, body) = request.with_limited_body().into_parts();
    Ok(Request::from_parts(parts, read(body).await?.into()))
}

async fn read(body: axum::body::Body) -> Result<Bytes, Problem> {
    to_bytes(body, CAP).await.map_err(|error| {
        match error.source().is_some_and(|source| source.is::<LengthLimitError>()) {
            true => too_large(),
            false => Problem::new(400).detail("the body broke off"),
        }
    })
}

fn is_told_too_large(headers: &HeaderMap) -> bool {
    let told = headers.get(header::CONTENT_LENGTH);
    let told = told.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    told.is_some_and(|length| length > CAP)
}

fn too_large() -> Problem {
    Problem::new(413).detail("a body is at most 1 MiB")
}

/// `application/json`, with parameters or not, or any type that says it is JSON.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
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
