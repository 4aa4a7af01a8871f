//! Invoices with their lines.

mod new;

use chrono::NaiveDate;
use saas_core::{Entity, Id, Kind, Problem, SoftDelete, TenantId, Timestamps, Version};
use saas_idempotency::{Idempotency, Reply};
use saas_pagination::Scalar;
use saas_tenancy::{Direction, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;
use utoipa::ToSchema;

use crate::customers::{Customer, check_match, etag};
use crate::failpoint::point;
use crate::input;
use crate::openapi::values;
use crate::{App, Db, lists};

pub use new::{NewInvoice, NewLine};

/// What a tenant asks a customer to pay.
#[derive(Debug, Clone, Entity, FromRow, Serialize, ToSchema)]
#[entity(table = "invoices", tenant)]
pub struct Invoice {
    #[schema(value_type = Uuid)]
    pub id: Id<Invoice>,
    #[serde(skip)]
    pub tenant_id: TenantId,
    #[entity(references = Customer)]
    #[schema(value_type = Uuid)]
    pub customer_id: Id<Customer>,
    #[schema(schema_with = values::currency_code)]
    pub currency: String,
    #[schema(required)]
    pub due_on: Option<NaiveDate>,
    #[entity(kind = "text")]
    pub status: Status,
    /// In the currency's minor unit.
    #[schema(minimum = 0)]
    pub total_minor: i64,
    #[entity(version)]
    #[serde(skip)]
    pub version: Version,
    #[entity(timestamps)]
    #[sqlx(flatten)]
    #[serde(flatten)]
    #[schema(value_type = values::Timestamps)]
    pub timestamps: Timestamps,
    #[entity(soft_delete)]
    #[sqlx(flatten)]
    #[serde(skip)]
    pub deletion: SoftDelete,
}

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[schema(as = InvoiceStatus)]
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
#[derive(Debug, Clone, Entity, FromRow, Serialize, ToSchema)]
#[schema(as = InvoiceLine)]
#[entity(table = "invoice_lines", tenant, unique(invoice_id, position))]
pub struct Line {
    #[serde(skip)]
    pub id: Id<Line>,
    #[entity(references = Invoice)]
    #[serde(skip)]
    pub invoice_id: Id<Invoice>,
    #[serde(skip)]
    pub position: i64,
    #[schema(schema_with = values::text::<1000>)]
    pub description: String,
    #[schema(minimum = 1)]
    pub quantity: i64,
    /// In the currency's minor unit.
    #[schema(minimum = 0)]
    pub unit_price_minor: i64,
}

/// An invoice as it is shown by itself.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = InvoiceWithLines)]
pub struct Whole {
    #[serde(flatten)]
    pub invoice: Invoice,
    #[schema(min_items = 1)]
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
    app: App<D>,
    tenant: TenantId,
    idempotency: Idempotency,
    body: Value,
) -> Result<Reply, Problem> {
    let whole = NewInvoice::read(body)?.whole(tenant, Timestamps::new(&*app.clock));
    app.once(tenant, &idempotency, async |tx| {
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

/// `GET /invoices`.
pub async fn list<D: Db>(app: App<D>, tenant: TenantId, query: String) -> Result<Reply, Problem> {
    lists::page(&app, tenant, &lists::INVOICES, &query).await
}

/// `GET /invoices/{id}`.
pub async fn get<D: Db>(app: App<D>, tenant: TenantId, id: Id<Invoice>) -> Result<Reply, Problem> {
    whole(&app, tenant, id).await?.reply(200)
}

/// An invoice with its lines.
pub async fn whole<D: Db>(
    app: &App<D>,
    tenant: TenantId,
    id: Id<Invoice>,
) -> Result<Whole, Problem> {
    let read = app.db.read(tenant);
    let invoice = read.select::<Invoice>().by_id(id).one().await?;
    // Lines never change, so two reads show one state.
    let lines = read.select::<Line>().filter(Line::INVOICE_ID.eq(id));
    let lines = lines.order_by(Line::POSITION, Direction::Asc).limit(MOST_LINES).all().await?;
    Ok(Whole { invoice, lines })
}

/// `DELETE /invoices/{id}`: a draft is taken back, anything else stays.
pub async fn delete<D: Db>(
    app: App<D>,
    tenant: TenantId,
    id: Id<Invoice>,
    if_match: Option<String>,
) -> Result<Reply, Problem> {
    let mut tx = app.db.tenant(tenant).await?;
    let invoice = tx.select::<Invoice>().by_id(id).for_update().one(&mut tx).await?;
    if let Some(tags) = if_match {
        check_match(&tags, invoice.version)?;
    }
    if invoice.status != Status::Draft {
        return Err(Problem::new(409).detail("only a draft can be deleted"));
    }
    tx.soft_delete(id).await?;
    tx.commit().await?;
    Ok(Reply::new(204))
}

/// More than a body of 1 MiB can hold.
const MOST_LINES: u32 = 100_000;

/// Another tenant's customer, a deleted one and none at all are told alike.
fn no_such_customer(error: Error) -> Problem {
    match error {
        Error::NotFound { .. } => input::invalid()
            .detail("the request body is not valid")
            .field("customer_id", "is no customer"),
        other => other.into(),
    }
}
