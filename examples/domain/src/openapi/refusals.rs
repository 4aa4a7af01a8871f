//! What a call can be refused with.

use saas_core::Problem;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::Components;
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr};

use super::headers::header;

/// Each by its status: a name for generated clients, what it says, headers that go with it.
const REFUSALS: [(u16, &str, &str, &[&str]); 13] = [
    (400, "Malformed", "The JSON, a header or the query string cannot be read.", &[]),
    (401, "Unauthorized", "The token is missing or wrong.", &["WWW-Authenticate"]),
    (403, "OtherTenant", "The request names another tenant than the key's.", &[]),
    (404, "NotFound", "The tenant has none with this id.", &[]),
    (409, "InProgress", "An earlier attempt under this key is in progress.", &["Retry-After"]),
    (412, "Changed", "It was changed since it was read.", &[]),
    (413, "TooLarge", "The body is over 1 MiB.", &[]),
    (415, "NotJson", "The body does not say that it is JSON.", &[]),
    (422, "Invalid", "It can be read and is not valid; `errors` names the fields.", &[]),
    (428, "MatchRequired", "`If-Match` is missing.", &[]),
    (429, "TooManyFailedLogins", "Too many failed logins from this address.", &["Retry-After"]),
    (500, "InternalError", "A mistake of the service's own.", &[]),
    (503, "Unavailable", "Too busy, or the database is away; try again.", &["Retry-After"]),
];

/// A reference to the one with this status.
pub(super) fn refusal(status: u16) -> RefOr<Response> {
    let known = REFUSALS.iter().find(|(known, ..)| *known == status);
    Ref::from_response_name(known.map_or("InternalError", |(_, name, ..)| name)).into()
}

/// Adds all of them.
pub(super) fn describe(components: &mut Components) {
    for (_, name, says, headers) in REFUSALS {
        let response = ResponseBuilder::new().description(says);
        let response = response.content(Problem::CONTENT_TYPE, problem());
        let headers = headers.iter().copied().chain(["X-Request-Id"]);
        let mut response = response.build();
        response.headers = headers.map(|name| (name.to_owned(), header(name))).collect();
        components.responses.insert(name.to_owned(), response.into());
    }
}

/// A problem document.
pub(super) fn problem() -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build()
}
