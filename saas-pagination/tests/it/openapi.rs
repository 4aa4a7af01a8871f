//! What an OpenAPI document says of a list.

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, Utc};
use saas_pagination::Operator::{Eq, Gte, In, Is, Lt, Ne};
use saas_pagination::{Connection, Kind, List, Page, Scalar, Value};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

#[derive(ToSchema)]
#[allow(dead_code)] // Only its schema is asked for.
struct Invoice {
    number: String,
    total: i64,
}

#[derive(Clone, Copy)]
enum Status {
    Draft,
    Sent,
}

impl Scalar for Status {
    const KIND: Kind = Kind::Text;
    const EXPECTED: &'static str = "`draft` or `sent`";

    fn into_value(self) -> Value {
        Value::Text(
            match self {
                Self::Draft => "draft",
                Self::Sent => "sent",
            }
            .into(),
        )
    }
    fn parse(text: &str) -> Option<Self> {
        match text {
            "draft" => Some(Self::Draft),
            "sent" => Some(Self::Sent),
            _ => None,
        }
    }
}

static INVOICES: LazyLock<List<Invoice>> = LazyLock::new(|| {
    List::new("invoices", "number", |i: &Invoice| i.number.clone())
        .sort("total", "total", |i| i.total)
        .sort("number", "number", |i| i.number.clone())
        .default_sort("-total")
        .limits(20, 200)
        .filter::<Status>("status", "status", [Eq, In])
        .filter::<Option<NaiveDate>>("due_on", "due_on", [Is, Gte])
        .filter::<i32>("lines", "lines", [Lt])
        .filter::<Vec<u8>>("digest", "digest", [Eq])
        .filter::<bool>("paid", "paid", [Eq])
        .filter::<f64>("rate", "rate", [Eq])
        .filter::<DateTime<Utc>>("sent_at", "sent_at", [Eq])
        .filter::<Uuid>("customer", "customer", [Ne])
});

/// Without sorts and filters.
static PLAIN: LazyLock<List<Invoice>> =
    LazyLock::new(|| List::new("invoices", "number", |i: &Invoice| i.number.clone()));

struct ListInvoices;

impl IntoParams for ListInvoices {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        INVOICES.openapi_parameters()
    }
}

#[utoipa::path(get, path = "/invoices", params(ListInvoices), responses((status = 200, body = Page<Invoice>)))]
#[allow(dead_code)] // Only its description is asked for.
fn list_invoices() {}

struct ListEdges;

impl IntoParams for ListEdges {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        PLAIN.openapi_connection_parameters()
    }
}

#[utoipa::path(get, path = "/edges", params(ListEdges), responses((status = 200, body = Connection<Invoice>)))]
#[allow(dead_code)] // Only its description is asked for.
fn list_edges() {}

#[derive(OpenApi)]
#[openapi(info(title = "Lists", version = "1", description = "", license(name = "none")))]
#[openapi(paths(list_invoices, list_edges))]
struct Document;

#[test]
fn the_document_says_what_the_declarations_do() {
    let document = serde_json::to_value(Document::openapi()).unwrap();
    let expected: serde_json::Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
    assert_eq!(document, expected, "{document:#}");
}
