//! What calls take besides a body.

use serde_json::json;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, Object, SchemaFormat, Type};
use utoipa::{IntoParams, PartialSchema as _};

use super::values;
use crate::invoices::Status;
use crate::lists::{CUSTOMERS, INVOICES};

/// Makes a call one that is executed once per key.
pub(super) struct IdempotencyKey;

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        // In quotes it is the same key; that spelling need not be offered.
        let visible = Object::builder().schema_type(Type::String).pattern(Some(KEY));
        let key = visible.min_length(Some(1)).max_length(Some(255)).build();
        let says = "A word that was never used; a retry sends it again.";
        vec![header("Idempotency-Key", says, Required::True).schema(Some(key)).build()]
    }
}

/// Visible ASCII characters but for quotes, backslashes, commas and semicolons.
const KEY: &str = r"^[!#-+\-./0-:<-\[\]-~]+$";

/// Makes a call one that changes only what the client has seen.
pub(super) struct IfMatch;

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let says = "The `ETag` that was read, or `*` for whichever.";
        let header = header("If-Match", says, Required::True);
        vec![header.schema(Some(Object::with_type(Type::String))).example(Some(json!("*"))).build()]
    }
}

/// Makes a deletion one of what the client has seen, if it wishes.
pub(super) struct MayMatch;

impl IntoParams for MayMatch {
    fn into_params(of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = IfMatch::into_params(of);
        parameters.iter_mut().for_each(|header| header.required = Required::False);
        parameters
    }
}

/// Those of `GET /customers`, as the list itself declares them.
pub(super) struct ListCustomers;

impl IntoParams for ListCustomers {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        CUSTOMERS.openapi_parameters()
    }
}

/// Those of `GET /invoices`.
pub(super) struct ListInvoices;

impl IntoParams for ListInvoices {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = INVOICES.openapi_parameters();
        // The declaration knows a text where there are three.
        for status in parameters.iter_mut().filter(|own| own.name == "status") {
            status.schema = Some(Status::schema());
        }
        parameters
    }
}

/// The id in a path.
pub(super) fn id() -> Parameter {
    let id = ParameterBuilder::new().name("id").parameter_in(ParameterIn::Path);
    let uuid = Object::builder().schema_type(Type::String);
    let uuid = uuid.format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    id.required(Required::True).schema(Some(uuid)).build()
}

/// Says which tenant is meant.
pub(super) fn tenant() -> Parameter {
    let says = "The tenant's slug; another than the key's is refused.";
    header("X-Tenant", says, Required::False).schema(Some(values::slug())).build()
}

fn header(name: &str, says: &str, required: Required) -> ParameterBuilder {
    let header = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header);
    header.required(required).description(Some(says))
}
