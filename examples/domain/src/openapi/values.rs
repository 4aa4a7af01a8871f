//! Schemas of single values, each beside the check of the same name in `input`, and of what other
//! crates answer.

use chrono::{DateTime, Utc};
use iso_currency::{Currency, IntoEnumIterator as _};
use saas_jobs::JobState;
use saas_pagination::PageInfo;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, SchemaFormat, Type};

use crate::customers::Customer;
use crate::invoices::Invoice;

/// [`text`](crate::input::text): something to see, and no control characters.
pub(crate) fn text<const MAX: usize>() -> Object {
    let visible = r"^[^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*$";
    let text = Object::builder().schema_type(Type::String).pattern(Some(visible));
    text.min_length(Some(1)).max_length(Some(MAX)).build()
}

/// What can stand in a host name.
pub(crate) fn slug() -> Object {
    let slug =
        Object::builder().schema_type(Type::String).pattern(Some("^[a-z0-9]+(-[a-z0-9]+)*$"));
    slug.min_length(Some(1)).max_length(Some(63)).build()
}

/// [`email`](crate::input::email).
pub(crate) fn email() -> Object {
    let format = SchemaFormat::Custom("idn-email".to_owned());
    let email = Object::builder().schema_type(Type::String).format(Some(format));
    email.max_length(Some(254)).examples(["jane@example.com"]).build()
}

/// A currency that is taken.
pub(crate) fn currency() -> Object {
    let codes = Currency::iter().map(|currency| currency.code());
    Object::builder().schema_type(Type::String).enum_values(Some(codes)).build()
}

/// A currency that is answered: more of them may come, which must not break a client.
pub(crate) fn currency_code() -> Object {
    let code = Object::builder().schema_type(Type::String).pattern(Some("^[A-Z]{3}$"));
    code.description(Some("A code of ISO 4217.")).examples(["EUR"]).build()
}

/// Where a job stands.
pub(crate) fn job_state() -> Object {
    use JobState::{Cancelled, Dead, Done, Ready, Running, Scheduled};
    let states = [Ready, Scheduled, Running, Done, Cancelled, Dead].map(JobState::as_str);
    Object::builder().schema_type(Type::String).enum_values(Some(states)).build()
}

/// A page of customers.
#[derive(ToSchema)]
#[allow(dead_code)] // It stands for a `saas_pagination::Page`, of which no list here asks a total.
pub(crate) struct CustomerPage {
    items: Vec<Customer>,
    page: PageInfo,
}

/// A page of invoices.
#[derive(ToSchema)]
#[allow(dead_code)] // As above.
pub(crate) struct InvoicePage {
    items: Vec<Invoice>,
    page: PageInfo,
}

/// When a row was made and when it was last changed.
#[derive(ToSchema)]
#[allow(dead_code)] // It stands for `saas_core::Timestamps`.
pub(crate) struct Timestamps {
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// What went wrong ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
#[derive(ToSchema)]
#[allow(dead_code)] // It stands for `saas_core::Problem`.
pub(crate) struct Problem {
    /// What kind of problem it is, for programs; `about:blank` where the status says all.
    #[schema(rename = "type", format = "uri-reference")]
    kind: String,
    /// The same for every problem of this type.
    title: String,
    /// The response's own.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What went wrong this time, for a person.
    #[schema(nullable = false)]
    detail: Option<String>,
    /// What is wrong with each field or parameter.
    #[schema(nullable = false)]
    errors: Option<Vec<FieldError>>,
}

/// What is wrong with one field of the input.
#[derive(ToSchema)]
#[allow(dead_code)] // It stands for `saas_core::FieldError`.
pub(crate) struct FieldError {
    /// The field, as the client wrote it: `email`, `lines[2].quantity`.
    field: String,
    /// What is wrong with it, for a person.
    detail: String,
}

#[cfg(test)]
mod tests {
    use saas_core::{Id, SystemClock};
    use serde_json::{Value, json, to_value};
    use utoipa::PartialSchema;

    use super::*;
    use crate::invoices::NewInvoice;

    /// The members of a value, and those that its schema names.
    fn members<S: PartialSchema>(value: Value) -> [Vec<String>; 2] {
        let schema = to_value(S::schema()).unwrap();
        [value, schema["properties"].clone()].map(|object| {
            let mut names: Vec<_> = object.as_object().unwrap().keys().cloned().collect();
            names.sort();
            names
        })
    }

    #[test]
    fn what_stands_for_another_type_has_its_members() {
        let problem = saas_core::Problem::new(422).detail("no").field("name", "is required");
        let problem = to_value(problem).unwrap();
        let error = problem["errors"][0].clone();
        let timestamps = to_value(saas_core::Timestamps::new(&SystemClock)).unwrap();
        for [found, described] in [
            members::<Problem>(problem),
            members::<FieldError>(error),
            members::<Timestamps>(timestamps),
        ] {
            assert_eq!(found, described);
        }
    }

    #[test]
    fn every_currency_that_is_offered_is_taken() {
        let codes = to_value(currency()).unwrap()["enum"].as_array().unwrap().clone();
        assert!(codes.len() > 100);
        for code in codes {
            let line = json!({"description": "work", "quantity": 1, "unit_price_minor": 1});
            let body =
                json!({"customer_id": Id::<Customer>::new(), "currency": code, "lines": [line]});
            assert!(NewInvoice::read(body).is_ok(), "{code}");
        }
    }
}
