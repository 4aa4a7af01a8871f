//! What the contract says of many calls at once: who may call, which headers there are, and what is
//! refused. The descriptions of the calls say the rest.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::Components;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr, Required};
use utoipa::{Modify, PartialSchema as _};

use super::values::{FieldError, Problem};
use super::{headers, parameters, refusals};

/// Completes the document.
pub(super) struct Contract;

impl Modify for Contract {
    fn modify(&self, openapi: &mut OpenApi) {
        // The code's, not the API's.
        (openapi.info.license, openapi.info.contact) = (None, None);
        for (path, item) in &mut openapi.paths.paths {
            let PathItem { get, put, post, patch, delete, .. } = item;
            for operation in [get, put, post, patch, delete].into_iter().flatten() {
                complete(path, operation);
            }
        }
        let components = openapi.components.get_or_insert_default();
        components.schemas.insert("Problem".to_owned(), Problem::schema());
        components.schemas.insert("FieldError".to_owned(), FieldError::schema());
        headers::describe(components);
        refusals::describe(components);
        tokens(components);
    }
}

fn complete(path: &str, operation: &mut Operation) {
    let anyone = SecurityRequirement::default();
    let public = operation.security.as_ref().is_some_and(|who| who.contains(&anyone));
    // What the document says itself, where a call says nothing else.
    let for_tenants = operation.security.is_none();
    let of_one = path.contains("{id}");
    let with_body = operation.request_body.is_some();

    let mut all = operation.parameters.take().unwrap_or_default();
    let takes = |name| all.iter().any(|one| matches!(one, RefOr::T(one) if one.name == name));
    let (keyed, matched, listed) = (takes("Idempotency-Key"), takes("If-Match"), takes("limit"));
    let must_match = all.iter().any(|one| {
        matches!(one, RefOr::T(one) if one.name == "If-Match" && one.required == Required::True)
    });
    if of_one {
        all.insert(0, parameters::id().into());
    }
    if for_tenants {
        all.push(parameters::tenant().into());
    }
    operation.parameters = Some(all).filter(|all| !all.is_empty());

    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        let RefOr::T(response) = response else { continue };
        finish(response, status.starts_with('4'), keyed);
    }
    for (may, statuses) in [
        (!public, &[401, 429, 500, 503][..]),
        (for_tenants, &[403]),
        (of_one, &[404]),
        (listed, &[400]),
        (with_body, &[400, 413, 415, 422]),
        (keyed, &[400, 409, 413, 422]),
        (matched, &[412]),
        (must_match, &[428]),
    ] {
        for status in statuses.iter().filter(|_| may) {
            let refusal = || refusals::refusal(*status);
            responses.entry(status.to_string()).or_insert_with(refusal);
        }
    }
}

/// A response as a call describes it: an error is a problem document, and a name of a header stands
/// for that header.
fn finish(response: &mut Response, refused: bool, keyed: bool) {
    if refused {
        let problem = refusals::problem().into();
        response.content.insert(saas_core::Problem::CONTENT_TYPE.to_owned(), problem);
    }
    let more = ["X-Request-Id"].into_iter().chain(keyed.then_some("Idempotency-Replayed"));
    let named = response.headers.keys().map(String::as_str).chain(more);
    response.headers = named.map(|name| (name.to_owned(), headers::header(name))).collect();
}

/// Who may call.
fn tokens(components: &mut Components) {
    for (name, says) in [
        ("api_key", "A tenant's key, which decides the tenant."),
        ("operator_token", "The operator's token."),
    ] {
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(says));
        components.add_security_scheme(name, SecurityScheme::Http(token.build()));
    }
}
