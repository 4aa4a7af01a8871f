//! What a client sends to have an invoice made.

use std::str::FromStr as _;

use chrono::NaiveDate;
use iso_currency::Currency;
use saas_core::{Id, Problem, SoftDelete, TenantId, Timestamps, Version};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Invoice, Line, Status, Whole};
use crate::customers::Customer;
use crate::input::{self, Members};
use crate::openapi::values;

/// The body of `POST /invoices`, and the total that follows from it.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvoice {
    #[schema(value_type = Uuid)]
    pub customer_id: Id<Customer>,
    #[schema(schema_with = values::currency)]
    pub currency: String,
    pub due_on: Option<NaiveDate>,
    #[schema(min_items = 1)]
    pub lines: Vec<NewLine>,
    #[schema(ignore)]
    total_minor: i64,
}

/// One of its lines.
#[derive(Debug, ToSchema)]
#[schema(as = NewInvoiceLine)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    #[schema(schema_with = values::text::<1000>)]
    pub description: String,
    #[schema(minimum = 1)]
    pub quantity: i64,
    /// In the currency's minor unit.
    #[schema(minimum = 0)]
    pub unit_price_minor: i64,
}

impl NewInvoice {
    /// Reads a body, or says all that is wrong with it.
    pub fn read(body: Value) -> Result<Self, Problem> {
        let mut members = Members::of(body)?;
        let customer_id = members.required("customer_id", input::parsed("the id of a customer"));
        let currency = members.required("currency", currency);
        let due_on = members.optional("due_on", input::date);
        let lines = members.objects("lines", |line| {
            let description = line.required("description", input::text(1000));
            let quantity = line.required("quantity", input::whole(1));
            let unit_price_minor = line.required("unit_price_minor", input::whole(0));
            let (description, quantity) = (description?, quantity?);
            Some(NewLine { description, quantity, unit_price_minor: unit_price_minor? })
        });
        let total_minor = lines.as_deref().and_then(total);
        if lines.is_some() && total_minor.is_none() {
            members.refuse("lines", "their total is too large");
        }
        members.finish()?;
        let (Some(customer_id), Some(currency), Some(lines), Some(total_minor)) =
            (customer_id, currency, lines, total_minor)
        else {
            return Err(input::invalid());
        };
        Ok(Self { customer_id, currency, due_on, lines, total_minor })
    }

    /// The draft with its lines, as rows.
    pub fn whole(self, tenant: TenantId, timestamps: Timestamps) -> Whole {
        let invoice = Invoice {
            id: Id::new(),
            tenant_id: tenant,
            customer_id: self.customer_id,
            currency: self.currency,
            due_on: self.due_on,
            status: Status::Draft,
            total_minor: self.total_minor,
            version: Version::FIRST,
            timestamps,
            deletion: SoftDelete::LIVE,
        };
        let lines = self.lines.into_iter().zip(1..).map(|(line, position)| Line {
            id: Id::new(),
            invoice_id: invoice.id,
            position,
            description: line.description,
            quantity: line.quantity,
            unit_price_minor: line.unit_price_minor,
        });
        Whole { lines: lines.collect(), invoice }
    }
}

/// `None` if it does not fit.
fn total(lines: &[NewLine]) -> Option<i64> {
    lines.iter().try_fold(0i64, |sum, line| {
        sum.checked_add(line.quantity.checked_mul(line.unit_price_minor)?)
    })
}

fn currency(value: Value) -> Result<String, String> {
    let code = value.as_str().unwrap_or_default();
    let known = code.len() == 3 && Currency::from_str(code).is_ok_and(|known| known.code() == code);
    if known { Ok(code.to_owned()) } else { Err("must be an ISO 4217 code, as in EUR".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(change: impl FnOnce(&mut Value)) -> Result<NewInvoice, Problem> {
        let mut body = json!({
            "customer_id": Id::<Customer>::new(), "currency": "EUR", "due_on": "2026-12-31",
            "lines": [{"description": "work", "quantity": 3, "unit_price_minor": 1250}],
        });
        change(&mut body);
        NewInvoice::read(body)
    }

    #[test]
    fn the_total_is_computed() {
        assert_eq!(with(|_| ()).unwrap().total_minor, 3750);
    }

    #[test]
    fn each_rule_names_its_field() {
        type Change = fn(&mut Value);
        let cases: [(&str, Change); 9] = [
            ("customer_id", |b| b["customer_id"] = json!("nobody")),
            ("currency", |b| b["currency"] = json!("eur")),
            ("currency", |b| b["currency"] = json!("XXY")),
            ("due_on", |b| b["due_on"] = json!("31.12.2026")),
            ("lines", |b| b["lines"] = json!([])),
            ("lines[0].quantity", |b| b["lines"][0]["quantity"] = json!(0)),
            ("lines[0].quantity", |b| b["lines"][0]["quantity"] = json!(1.5)),
            ("lines[0].unit_price_minor", |b| b["lines"][0]["unit_price_minor"] = json!(-1)),
            ("lines", |b| b["lines"][0]["unit_price_minor"] = json!(i64::MAX)),
        ];
        for (field, change) in cases {
            let problem = with(change).unwrap_err();
            assert_eq!((problem.status(), problem.errors()[0].field.as_str()), (422, field));
        }
    }
}
