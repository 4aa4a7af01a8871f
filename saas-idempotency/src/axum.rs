//! The handle as an extractor; replies and errors as axum responses.

use std::convert::Infallible;

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use http::request::Parts;
use saas_core::Problem;

use crate::service::response_of;
use crate::{Error, Idempotency, Keep, Reply};

/// Rejects with 500 where no [`IdempotencyLayer`](crate::IdempotencyLayer) covers the request.
impl<S: Sync> FromRequestParts<S> for Idempotency {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        parts.extensions.get().cloned().ok_or(Error::UNCOVERED)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        response_of(&self).map(Body::from)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        Problem::from(self).into_response()
    }
}

impl IntoResponseParts for Keep {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.extensions_mut().insert(self);
        Ok(parts)
    }
}
