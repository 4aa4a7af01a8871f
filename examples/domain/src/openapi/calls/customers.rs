use crate::customers::{Customer, CustomerChange, NewCustomer};
use crate::openapi::parameters::{IdempotencyKey, IfMatch, ListCustomers, MayMatch};
use crate::openapi::values::CustomerPage;

/// List the customers.
#[utoipa::path(
    get, path = "/customers", tag = "customers", params(ListCustomers),
    responses((status = 200, description = "A page.", body = CustomerPage, headers(("Link"))))
)]
pub(in crate::openapi) fn list_customers() {}

/// Make a customer.
#[utoipa::path(
    post, path = "/customers", tag = "customers", params(IdempotencyKey),
    request_body = NewCustomer,
    responses(
        (status = 201, description = "The customer.", body = Customer, headers(("Location"), ("ETag"))),
        (status = 409, description = "Another customer has this email, or an earlier attempt under this key is in progress."),
    )
)]
pub(in crate::openapi) fn create_customer() {}

/// Get a customer.
#[utoipa::path(
    get, path = "/customers/{id}", tag = "customers",
    responses((status = 200, description = "The customer.", body = Customer, headers(("ETag"))))
)]
pub(in crate::openapi) fn get_customer() {}

/// Change a customer.
///
/// The members that are there are changed.
#[utoipa::path(
    patch, path = "/customers/{id}", tag = "customers", params(IfMatch),
    request_body = CustomerChange,
    responses(
        (status = 200, description = "The customer as it is now.", body = Customer, headers(("ETag"))),
        (status = 409, description = "Another customer has this email."),
    )
)]
pub(in crate::openapi) fn patch_customer() {}

/// Delete a customer and its drafts.
///
/// Both can be restored.
#[utoipa::path(
    delete, path = "/customers/{id}", tag = "customers", params(MayMatch),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "An invoice of the customer is being sent or was."),
    )
)]
pub(in crate::openapi) fn delete_customer() {}

/// Restore a customer and the drafts that were deleted with it.
#[utoipa::path(
    post, path = "/customers/{id}/restore", tag = "customers",
    responses(
        (status = 200, description = "The customer, who may have been there all along.", body = Customer, headers(("ETag"))),
        (status = 409, description = "Another customer has this email meanwhile."),
    )
)]
pub(in crate::openapi) fn restore_customer() {}
