use chrono::{DateTime, Utc};
use mail_parser::{MessageParser, MimeHeaders as _};
use saas_core::{SoftDelete, TenantId, Timestamps, Version};

use super::*;
use crate::invoices::{Line, Status};

/// Markup, quotes, another header, an encoded word and letters beyond ASCII, in one name.
const HOSTILE: &str = "<script>alert(\"1\")</script> & 'Söhne'\r\nBcc: victim@example.com\r\n\r\n=?utf-8?q?x?= 株式会社";

const AS_ONE_LINE: &str =
    "<script>alert(\"1\")</script> & 'Söhne'  Bcc: victim@example.com    =?utf-8?q?x?= 株式会社";

struct Case {
    job: JobId,
    sender: Tenant,
    customer: Customer,
    whole: Whole,
}

fn case(name: &str, currency: &str) -> Case {
    let day: DateTime<Utc> = "2026-11-05T12:00:00Z".parse().unwrap();
    let timestamps = Timestamps { created_at: day, updated_at: day };
    let sender = Tenant { id: Id::new(), slug: "acme".into(), name: name.into(), timestamps };
    let tenant: TenantId = sender.scope();
    let customer = Customer {
        id: Id::new(),
        tenant_id: tenant,
        name: name.into(),
        email: "Jane@example.com".into(),
        email_key: "jane@example.com".into(),
        version: Version::FIRST,
        timestamps,
        deletion: SoftDelete::LIVE,
    };
    let invoice = Invoice {
        id: Id::new(),
        tenant_id: tenant,
        customer_id: customer.id,
        currency: currency.into(),
        due_on: Some("2026-12-31".parse().unwrap()),
        status: Status::Sending,
        total_minor: 3750,
        version: Version::FIRST,
        timestamps,
        deletion: SoftDelete::LIVE,
    };
    let line = Line {
        id: Id::new(),
        invoice_id: invoice.id,
        position: 1,
        description: name.into(),
        quantity: 3,
        unit_price_minor: 1250,
    };
    let whole = Whole { invoice, lines: vec![line] };
    Case { job: JobId::from_uuid(uuid::Uuid::nil()), sender, customer, whole }
}

impl Case {
    fn mail(&self) -> Vec<u8> {
        message(
            self.job,
            &"invoices@invoicing.invalid".parse().unwrap(),
            &self.sender,
            &self.customer,
            &self.whole,
        )
        .unwrap()
        .formatted()
    }
}

#[test]
fn it_says_the_same_as_text_and_as_html() {
    let case = case("Jane", "EUR");
    let mail = case.mail();
    let mail = MessageParser::default().parse(&mail).unwrap();
    let number = case.whole.invoice.id;
    assert_eq!(mail.subject(), Some(&*format!("Invoice {number} from Jane")));
    assert_eq!(mail.from().unwrap().first().unwrap().address(), Some("invoices@invoicing.invalid"));
    assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("Jane@example.com"));
    assert_eq!(mail.date().unwrap().to_rfc3339(), "2026-11-05T12:00:00Z");
    let alternatives = mail.content_type().unwrap();
    assert_eq!((alternatives.ctype(), alternatives.subtype()), ("multipart", Some("alternative")));
    assert_eq!((mail.text_body_count(), mail.html_body_count()), (1, 1));
    assert_eq!(
        mail.body_text(0).unwrap().replace("\r\n", "\n"),
        format!(
            "Dear Jane,\n\nplease find your invoice {number} from Jane.\n\n\
             3 x Jane at 12.50 EUR: 37.50 EUR\n\nTotal: 37.50 EUR\nDue on 2026-12-31\n"
        )
    );
    let html = mail.body_html(0).unwrap();
    for said in [&*number.to_string(), "12.50 EUR", "37.50 EUR", "2026-12-31"] {
        assert!(html.contains(said), "{said}: {html}");
    }
}

#[test]
fn what_users_give_is_text_and_no_markup_and_no_header() {
    let case = case(HOSTILE, "EUR");
    let mail = case.mail();
    assert!(mail.is_ascii());
    let mail = MessageParser::default().parse(&mail).unwrap();
    assert!(mail.bcc().is_none());
    assert_eq!(mail.to().unwrap().first().unwrap().name(), Some(AS_ONE_LINE));
    assert_eq!(mail.from().unwrap().first().unwrap().name(), Some(AS_ONE_LINE));
    assert_eq!((mail.to().unwrap().iter().count(), mail.from().unwrap().iter().count()), (1, 1));
    assert!(mail.body_text(0).unwrap().contains(&format!("Dear {AS_ONE_LINE},")));
    let html = mail.body_html(0).unwrap();
    assert!(!html.contains("<script") && html.contains("Söhne") && html.contains("株式会社"));
    assert_eq!(html.matches("script&#62;alert(&#34;1&#34;)").count(), 3, "{html}");
}

#[test]
fn amounts_have_the_decimals_of_their_currency() {
    for (currency, each, total) in [
        ("EUR", "12.50 EUR", "37.50 EUR"),
        ("JPY", "1250 JPY", "3750 JPY"),
        ("BHD", "1.250 BHD", "3.750 BHD"),
    ] {
        let mail = case("Jane", currency).mail();
        let mail = MessageParser::default().parse(&mail).unwrap();
        for body in [mail.body_text(0).unwrap(), mail.body_html(0).unwrap()] {
            assert!(body.contains(each) && body.contains(total), "{currency}: {body}");
        }
    }
}

#[test]
fn every_attempt_of_a_job_sends_the_same_bytes_under_the_jobs_message_id() {
    let case = case(HOSTILE, "EUR");
    let (first, second) = (case.mail(), case.mail());
    assert_eq!(String::from_utf8_lossy(&first), String::from_utf8_lossy(&second));
    let mail = MessageParser::default().parse(&first).unwrap();
    assert_eq!(mail.message_id(), Some(&*format!("{}@invoicing.invalid", case.job)));
}
