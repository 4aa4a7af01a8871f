//! A path with its methods. What axum has by itself: 405 with `Allow`, and `HEAD` wherever there is
//! `GET`.

use std::future::ready;

use actix_web::{FromRequest, Handler, Resource, Responder, Route, guard, web};
use saas_core::Problem;

/// Methods that a path knows, and what answers them.
pub type Method = (&'static str, Route);

/// A path; its other methods are 405.
pub fn resource(path: &str, methods: Vec<Method>) -> Resource {
    let allowed: Vec<_> = methods.iter().map(|(method, _)| *method).collect();
    let refused = Problem::new(405).header("allow", allowed.join(","));
    let routes = methods.into_iter().map(|(_, route)| route);
    routes
        .fold(web::resource(path), Resource::route)
        .default_service(web::to(move || ready(refused.clone())))
}

pub fn get<Args: FromRequest + 'static>(
    handler: impl Handler<Args, Output: Responder + 'static>,
) -> Method {
    let reads = guard::Any(guard::Get()).or(guard::Head());
    ("GET,HEAD", web::route().guard(reads).to(handler))
}

pub fn post<Args: FromRequest + 'static>(
    handler: impl Handler<Args, Output: Responder + 'static>,
) -> Method {
    ("POST", web::post().to(handler))
}

pub fn patch<Args: FromRequest + 'static>(
    handler: impl Handler<Args, Output: Responder + 'static>,
) -> Method {
    ("PATCH", web::patch().to(handler))
}

pub fn delete<Args: FromRequest + 'static>(
    handler: impl Handler<Args, Output: Responder + 'static>,
) -> Method {
    ("DELETE", web::delete().to(handler))
}
