//! The API as an OpenAPI document. It is made from the types that are read and answered, from one
//! description per call in a file per resource, and from what the contract says of all calls.
//!
//! `tests/openapi` compares it with the last one, so that no client breaks unnoticed.

// The functions in these stand for handlers of the same name; only their descriptions are asked for.
#[allow(dead_code)]
mod calls;
mod contract;
mod headers;
mod parameters;
mod refusals;
pub(crate) mod values;

use std::sync::LazyLock;

use saas_idempotency::Reply;
use utoipa::OpenApi;

use contract::Contract;

/// What is served, as it is served.
static JSON: LazyLock<String> = LazyLock::new(|| {
    // Strings and numbers under text keys always serialize.
    document().to_pretty_json().unwrap_or_default()
});

/// `GET /openapi.json`.
pub fn show() -> Reply {
    Reply::new(200).header("content-type", "application/json").with_body(JSON.as_str())
}

/// The document.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Invoicing", version = "1", description = include_str!("openapi/about.md")),
    servers((url = "/api/v1")),
    security(("api_key" = [])),
    paths(
        calls::tenants::create_tenant,
        calls::customers::list_customers,
        calls::customers::create_customer,
        calls::customers::get_customer,
        calls::customers::patch_customer,
        calls::customers::delete_customer,
        calls::customers::restore_customer,
        calls::invoices::list_invoices,
        calls::invoices::create_invoice,
        calls::invoices::get_invoice,
        calls::invoices::delete_invoice,
        calls::invoices::send_invoice,
        calls::jobs::get_job,
        calls::openapi,
    ),
    modifiers(&Contract)
)]
struct Document;
