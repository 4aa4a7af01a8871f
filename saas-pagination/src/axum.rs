//! A list on axum: the query string in, the page or the error out.

use axum_core::body::Body;
use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, header};
use saas_core::Problem;
use serde::Serialize;

use crate::page_query::JSON;
use crate::{Error, PageQuery, PageResponse};

impl<S: Sync> FromRequestParts<S> for PageQuery {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        // Bytes that are no UTF-8 do not come this far: the server answers them with a bare 400.
        Self::new(parts.uri.query().unwrap_or_default())
    }
}

impl<T: Serialize> IntoResponse for PageResponse<T> {
    fn into_response(self) -> Response {
        let (body, links) = match self.into_parts() {
            Ok(parts) => parts,
            Err(problem) => return problem.into_response(),
        };
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        if let Some(Ok(links)) = links.map(HeaderValue::try_from) {
            headers.insert(header::LINK, links);
        }
        response
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}
