use crate::invoices::{NewInvoice, Whole};
use crate::openapi::parameters::{IdempotencyKey, ListInvoices, MayMatch};
use crate::openapi::values::InvoicePage;
use crate::send::Accepted;

/// List the invoices, without their lines.
#[utoipa::path(
    get, path = "/invoices", tag = "invoices", params(ListInvoices),
    responses((status = 200, description = "A page.", body = InvoicePage, headers(("Link"))))
)]
pub(in crate::openapi) fn list_invoices() {}

/// Make a draft.
#[utoipa::path(
    post, path = "/invoices", tag = "invoices", params(IdempotencyKey),
    request_body = NewInvoice,
    responses((status = 201, description = "The draft.", body = Whole, headers(("Location"), ("ETag"))))
)]
pub(in crate::openapi) fn create_invoice() {}

/// Get an invoice with its lines.
#[utoipa::path(
    get, path = "/invoices/{id}", tag = "invoices",
    responses((status = 200, description = "The invoice.", body = Whole, headers(("ETag"))))
)]
pub(in crate::openapi) fn get_invoice() {}

/// Delete a draft.
#[utoipa::path(
    delete, path = "/invoices/{id}", tag = "invoices", params(MayMatch),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "The invoice is no draft."),
    )
)]
pub(in crate::openapi) fn delete_invoice() {}

/// Send a draft.
///
/// A job mails it: once, whatever happens.
#[utoipa::path(
    post, path = "/invoices/{id}/send", tag = "invoices", params(IdempotencyKey),
    responses(
        (status = 202, description = "The job that will send it.", body = Accepted, headers(("Location")),
            links(("job" = (operation_id = "get_job", parameters(("id" = "$response.body#/job_id")))))),
        (status = 409, description = "The invoice is no draft, or an earlier attempt under this key is in progress."),
    )
)]
pub(in crate::openapi) fn send_invoice() {}
