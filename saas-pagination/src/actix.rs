//! A list on actix-web: the query string in, the page or the error out.

use std::future::{Ready, ready};

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, ResponseError};
use saas_core::Problem;
use serde::Serialize;

use crate::page_query::JSON;
use crate::{Error, PageQuery, PageResponse};

impl FromRequest for PageQuery {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // Bytes that are no UTF-8 do not come this far: the server answers them with a bare 400.
        ready(Self::new(request.query_string()))
    }
}

impl<T: Serialize> Responder for PageResponse<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse<BoxBody> {
        let (body, links) = match self.into_parts() {
            Ok(parts) => parts,
            Err(problem) => return problem.error_response(),
        };
        let mut response = HttpResponse::Ok();
        response.insert_header((header::CONTENT_TYPE, JSON));
        if let Some(Ok(links)) = links.map(header::HeaderValue::try_from) {
            response.insert_header((header::LINK, links));
        }
        response.body(body)
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        Problem::from(self).error_response()
    }
}
