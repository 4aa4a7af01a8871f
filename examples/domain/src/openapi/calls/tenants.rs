use crate::tenants::{NewTenant, TenantWithKey};

/// Make a tenant and its API key.
///
/// The key is shown this once.
#[utoipa::path(
    post, path = "/tenants", tag = "tenants", security(("operator_token" = [])),
    request_body = NewTenant,
    responses(
        (status = 201, description = "The tenant with its key.", body = TenantWithKey),
        (status = 409, description = "The slug is taken."),
    )
)]
pub(in crate::openapi) fn create_tenant() {}
