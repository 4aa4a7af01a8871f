//! An invoice as a mail: as text and as HTML, of which the reader's program shows one. The words are
//! in `templates/`.

use askama::Template;
use chrono::NaiveDate;
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use saas_core::Id;
use saas_jobs::{BoxError, JobId};

use super::amount::amount;
use crate::customers::Customer;
use crate::invoices::{Invoice, Whole};
use crate::tenants::Tenant;

/// The mail of a job. Whatever changed since the last attempt, its Message-ID did not; if nothing
/// did, it is the same to the last byte.
pub(super) fn message(
    job: JobId,
    from: &Address,
    sender: &Tenant,
    customer: &Customer,
    whole: &Whole,
) -> Result<Message, BoxError> {
    let shown = Shown::of(sender, customer, whole)?;
    let domain = from.domain();
    let from = Mailbox::new(Some(shown.sender.clone()), from.clone());
    let to = Mailbox::new(Some(shown.customer.clone()), customer.email.parse()?);
    let body = MultiPart::alternative()
        // lettre's own is another each time. No encoded line can begin with this one.
        .boundary(format!("=_{job}"))
        .singlepart(SinglePart::plain(Text { invoice: &shown }.render()?))
        .singlepart(SinglePart::html(Html { invoice: &shown }.render()?));
    Ok(Message::builder()
        .message_id(Some(format!("<{job}@{domain}>")))
        // When it was asked for, whenever this attempt is.
        .date(whole.invoice.timestamps.updated_at.into())
        .from(from)
        .to(to)
        .subject(format!("Invoice {} from {}", shown.number, shown.sender))
        .multipart(body)?)
}

#[derive(Template)]
#[template(path = "invoice.txt")]
struct Text<'a> {
    invoice: &'a Shown,
}

/// What goes into it is escaped.
#[derive(Template)]
#[template(path = "invoice.html")]
struct Html<'a> {
    invoice: &'a Shown,
}

/// What both say.
struct Shown {
    sender: String,
    customer: String,
    number: Id<Invoice>,
    lines: Vec<ShownLine>,
    total: String,
    due_on: Option<NaiveDate>,
}

struct ShownLine {
    description: String,
    quantity: i64,
    unit_price: String,
    price: String,
}

impl Shown {
    fn of(sender: &Tenant, customer: &Customer, whole: &Whole) -> Result<Self, BoxError> {
        let currency = &whole.invoice.currency;
        let lines = whole.lines.iter().map(|line| {
            let price = i128::from(line.unit_price_minor);
            Ok::<_, BoxError>(ShownLine {
                description: one_line(&line.description),
                quantity: line.quantity,
                unit_price: amount(price, currency)?,
                price: amount(price * i128::from(line.quantity), currency)?,
            })
        });
        Ok(Self {
            sender: one_line(&sender.name),
            customer: one_line(&customer.name),
            number: whole.invoice.id,
            lines: lines.collect::<Result<_, _>>()?,
            total: amount(whole.invoice.total_minor.into(), currency)?,
            due_on: whole.invoice.due_on,
        })
    }
}

/// The API takes no control characters; rows that came another way may hold line breaks, and a
/// header ends with its line.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests;
