//! What each call is, one file per resource.

pub(super) mod customers;
pub(super) mod invoices;
pub(super) mod jobs;
pub(super) mod tenants;

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "about", security(()),
    responses((status = 200, description = "An OpenAPI document.", body = Object))
)]
pub(super) fn openapi() {}
