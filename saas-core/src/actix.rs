//! `Problem` as an actix-web response and error.

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};

use crate::Problem;

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CONTENT_TYPE, Problem::CONTENT_TYPE));
        for (name, value) in self.headers() {
            if let Ok(value) = header::HeaderValue::try_from(value) {
                response.append_header((*name, value));
            }
        }
        response.body(self.to_json())
    }
}

impl Responder for Problem {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse<BoxBody> {
        self.error_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_has_status_media_type_and_headers() {
        let response = Problem::new(409)
            .header("retry-after", "2")
            .header("x-broken", "a\nb")
            .error_response();
        assert_eq!(response.status(), 409);
        assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
        assert_eq!(response.headers().get("retry-after").unwrap(), "2");
        assert!(!response.headers().contains_key("x-broken"));
    }
}
