//! Responses from and into plain values, and the handle as an extractor.

use std::future::{Ready, ready};

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, Responder, ResponseError};
use bytes::Bytes;
use saas_core::Problem;

use super::bodies::Live;
use crate::gate::Gate;
use crate::pieces::collect;
use crate::reply::REPLAYED;
use crate::store::Outcome;
use crate::{Error, Idempotency, Keep, Reply};

/// Records a handler's response, if it is to be, and gives what is to be sent.
pub(super) async fn finish<B: MessageBody + 'static>(
    gate: &Gate,
    handle: &Idempotency,
    response: HttpResponse<B>,
) -> HttpResponse<EitherBody<B>> {
    let (status, word) = (response.status().as_u16(), response.extensions().get::<Keep>().copied());
    if !gate.keeps(handle, status, word).await {
        return response.map_into_left_body();
    }
    let (head, body) = response.into_parts();
    let media_type = head.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let cap = gate.engine.policy.response_cap;
    let (outcome, body) = match collect(body, media_type, cap).await {
        Ok(bytes) => (Outcome::of(reply_of(&head, bytes.clone()), cap), BoxBody::new(bytes)),
        Err(begun) => (Outcome::NotKept { status }, BoxBody::new(Live(begun))),
    };
    match gate.record(handle, outcome).await {
        Some(reply) => response_of(&reply).map_into_right_body(),
        None => head.set_body(body).map_into_right_body(),
    }
}

fn reply_of(head: &HttpResponse<()>, body: Bytes) -> Reply {
    let reply = Reply::new(head.status().as_u16()).with_body(body);
    let named = |reply: Reply, (name, value): (&HeaderName, _)| reply.header(name.as_str(), value);
    head.headers().iter().fold(reply, named)
}

/// A reply as a response.
pub(super) fn response_of(reply: &Reply) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::with_body(status, BoxBody::new(reply.body().clone()));
    for (name, value) in reply.headers() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value))
        {
            response.headers_mut().append(name, value);
        }
    }
    if reply.is_replayed() {
        let name = HeaderName::from_static(REPLAYED);
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}

/// Errs with 500 where no [`IdempotencyMiddleware`](crate::IdempotencyMiddleware) covers the request.
impl FromRequest for Idempotency {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let handle = request.extensions().get::<Self>().cloned();
        ready(handle.ok_or(Error::UNCOVERED))
    }
}

impl Responder for Reply {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        response_of(&self)
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        Problem::from(self).status_code()
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        Problem::from(self).error_response()
    }
}
