//! Invoices with their lines.

use std::str::FromStr as _;

use chrono::NaiveDate;
use iso_currency::Currency;
use saas_core::{Entity, Id, Kind, Problem, SoftDelete, TenantId, Timestamps, Version};
use saas_idempotency::{Idempotency, Reply};
use saas_pagination::Scalar;
use saas_tenancy::{Direction, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;

use crate::customers::{Customer, etag};
use crate::failpoint::point;
use crate::input::{self, Members};
use crate::{App, Db};

/// What a tenant asks a customer to pay.
#[derive(Debug, Clone, Entity, FromRow, Serialize)]
#[entity(table = "invoices", tenant)]
pub struct Invoice {
    pub id: Id<Invoice>,
    #[serde(skip)]
    pub tenant_id: TenantId,
    #[entity(references = Customer)]
    pub customer_id: Id<Customer>,
    pub currency: String,
    pub due_on: Option<NaiveDate>,
    #[entity(kind = "text")]
    pub status: Status,
    pub total_minor: i64,
    #[entity(version)]
    #[serde(skip)]
    pub version: Version,
    #[entity(timestamps)]
    #[sqlx(flatten)]
    #[serde(flatten)]
    pub timestamps: Timestamps,
    #[entity(soft_delete)]
    #[sqlx(flatten)]
    #[serde(skip)]
    pub deletion: SoftDelete,
}

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Status {
    /// Can be sent or deleted.
    Draft,
    /// A job is about to mail it.
    Sending,
    /// It was mailed.
    Sent,
}

/// As a filter of the list.
impl Scalar for Status {
    const KIND: Kind = Kind::Text;
    const EXPECTED: &'static str = "`draft`, `sending` or `sent`";

    fn into_value(self) -> saas_pagination::Value {
        saas_pagination::Value::Text(self.as_str().to_owned())
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Draft, Self::Sending, Self::Sent].into_iter().find(|status| status.as_str() == text)
    }
}

impl Status {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Sending => "sending",
            Self::Sent => "sent",
        }
    }
}

/// One line of an invoice; written once, with it.
#[derive(Debug, Clone, Entity, FromRow, Serialize)]
#[entity(table = "invoice_lines", tenant, unique(invoice_id, position))]
pub struct Line {
    #[serde(skip)]
    pub id: Id<Line>,
    #[entity(references = Invoice)]
    #[serde(skip)]
    pub invoice_id: Id<Invoice>,
    #[serde(skip)]
    pub position: i64,
    pub description: String,
    pub quantity: i64,
    pub unit_price_minor: i64,
}

/// An invoice as it is shown by itself.
#[derive(Debug, Clone, Serialize)]
pub struct Whole {
    #[serde(flatten)]
    pub invoice: Invoice,
    pub lines: Vec<Line>,
}

impl Whole {
    /// The answer that shows it.
    pub fn reply(&self, status: u16) -> Result<Reply, Problem> {
        Ok(Reply::json(status, self)?.header("etag", etag(self.invoice.version)))
    }
}

/// `POST /invoices`.
pub async fn create<D: Db>(
    app: &App<D>,
    tenant: TenantId,
    idempotency: &Idempotency,
    body: Value,
) -> Result<Reply, Problem> {
    let whole = read(body, tenant, Timestamps::new(&*app.clock))?;
    app.once(tenant, idempotency, async |tx| {
        // Locked, so that the customer cannot be deleted while an invoice for it is being made.
        let customer = tx.select::<Customer>().by_id(whole.invoice.customer_id).for_update();
        customer.one(tx).await.map_err(no_such_customer)?;
        tx.insert(&whole.invoice).await?;
        tx.insert_all(&whole.lines).await?;
        point("invoice.inserted");
        let location = format!("/api/v1/invoices/{}", whole.invoice.id);
        Ok(whole.reply(201)?.header("location", location))
    })
    .await
}

/// `GET /invoices/{id}`.
pub async fn get<D: Db>(app: &App<D>, tenant: TenantId, id: Id<Invoice>) -> Result<Whole, Problem> {
    let read = app.db.read(tenant);
    let invoice = read.select::<Invoice>().by_id(id).one().await?;
    // Lines never change, so two reads show one state.
    let lines = read.select::<Line>().filter(Line::INVOICE_ID.eq(id));
    let lines = lines.order_by(Line::POSITION, Direction::Asc).limit(MOST_LINES).all().await?;
    Ok(Whole { invoice, lines })
}

/// `DELETE /invoices/{id}`: a draft is taken back, anything else stays.
pub async fn delete<D: Db>(app: &App<D>, tenant: TenantId, id: Id<Invoice>) -> Result<(), Problem> {
    let mut tx = app.db.tenant(tenant).await?;
    let invoice = tx.select::<Invoice>().by_id(id).for_update().one(&mut tx).await?;
    if invoice.status != Status::Draft {
        return Err(Problem::new(409).detail("only a draft can be deleted"));
    }
    tx.soft_delete(id).await?;
    Ok(tx.commit().await?)
}

/// More than a body of 1 MiB can hold.
const MOST_LINES: u32 = 100_000;

fn read(body: Value, tenant: TenantId, timestamps: Timestamps) -> Result<Whole, Problem> {
    let id = Id::new();
    let mut members = Members::of(body)?;
    let customer_id = members.required("customer_id", input::parsed("the id of a customer"));
    let currency = members.required("currency", currency);
    let due_on = members.optional("due_on", input::date);
    let lines = members.objects("lines", |line| {
        Some((
            line.required("description", input::text(1000)),
            line.required("quantity", input::whole(1)),
            line.required("unit_price_minor", input::whole(0)),
        ))
    });
    let lines: Option<Vec<Line>> = lines.and_then(|lines| {
        let lines = lines.into_iter().zip(1..).map(|((description, quantity, price), position)| {
            let (description, quantity, unit_price_minor) = (description?, quantity?, price?);
            Some(Line {
                id: Id::new(),
                invoice_id: id,
                position,
                description,
                quantity,
                unit_price_minor,
            })
        });
        lines.collect()
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
    let invoice = Invoice {
        id,
        tenant_id: tenant,
        customer_id,
        currency,
        due_on,
        status: Status::Draft,
        total_minor,
        version: Version::FIRST,
        timestamps,
        deletion: SoftDelete::LIVE,
    };
    Ok(Whole { invoice, lines })
}

/// `None` if it does not fit.
fn total(lines: &[Line]) -> Option<i64> {
    lines.iter().try_fold(0i64, |sum, line| {
        sum.checked_add(line.quantity.checked_mul(line.unit_price_minor)?)
    })
}

fn currency(value: Value) -> Result<String, String> {
    let code = value.as_str().unwrap_or_default();
    let known = code.len() == 3 && Currency::from_str(code).is_ok_and(|known| known.code() == code);
    if known { Ok(code.to_owned()) } else { Err("must be an ISO 4217 code, as in EUR".to_owned()) }
}

/// Another tenant's customer, a deleted one and none at all are told alike.
fn no_such_customer(error: Error) -> Problem {
    match error {
        Error::NotFound { .. } => input::invalid()
            .detail("the request body is not valid")
            .field("customer_id", "is no customer"),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saas_core::SystemClock;
    use serde_json::json;

    fn with(change: impl FnOnce(&mut Value)) -> Result<Whole, Problem> {
        let mut body = json!({
            "customer_id": Id::<Customer>::new(), "currency": "EUR", "due_on": "2026-12-31",
            "lines": [{"description": "work", "quantity": 3, "unit_price_minor": 1250}],
        });
        change(&mut body);
        read(body, TenantId::new(), Timestamps::new(&SystemClock))
    }

    #[test]
    fn the_total_is_computed() {
        assert_eq!(with(|_| ()).unwrap().invoice.total_minor, 3750);
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
