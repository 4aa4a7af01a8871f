//! Whom and what the requests are about: a sample of what was seeded, as large tenants as often as
//! they have invoices.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use uuid::Uuid;

use crate::Result;
use crate::client::Client;
use crate::data::{Invoice, Tenant};
use crate::route::Route;

/// Seeded rows of a tenant, by the tenant's number.
#[derive(Debug)]
struct Known {
    tenant: usize,
    invoice: Uuid,
    customer: Uuid,
}

/// A request that was made once before.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) tenant: usize,
    pub(crate) key: String,
    pub(crate) body: Bytes,
}

/// A place in a tenant's invoices.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) tenant: usize,
    pub(crate) cursor: String,
}

#[derive(Debug)]
pub(crate) struct Targets {
    authorization: Vec<HeaderValue>,
    known: Vec<Known>,
    every: usize,
    drafts: Mutex<VecDeque<(usize, Uuid)>>,
    pub(crate) places: Vec<Place>,
    pub(crate) kept: Vec<Kept>,
    fresh: AtomicU64,
    dice: Mutex<StdRng>,
}

/// A request to be sent, and whose it is.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) tenant: usize,
    pub(crate) request: Request<Full<Bytes>>,
}

/// About so many invoices are known.
const SAMPLE: usize = 20_000;

impl Targets {
    pub(crate) fn new(tenants: &[Tenant], invoices: usize, seed: u64) -> Result<Self> {
        let bearer = |tenant: &Tenant| HeaderValue::try_from(format!("Bearer {}", tenant.key));
        Ok(Self {
            authorization: tenants.iter().map(bearer).collect::<Result<_, _>>()?,
            known: Vec::new(),
            every: (invoices / SAMPLE).max(1),
            drafts: Mutex::default(),
            places: Vec::new(),
            kept: Vec::new(),
            fresh: AtomicU64::new(0),
            dice: Mutex::new(StdRng::seed_from_u64(seed)),
        })
    }

    /// Remembers rows that were just seeded.
    pub(crate) fn learn(&mut self, from: usize, invoices: &[Invoice]) {
        let drafts = self.drafts.get_mut().unwrap_or_else(PoisonError::into_inner);
        drafts.extend(invoices.iter().filter(|i| i.is_draft).map(|i| (i.tenant, i.id)));
        let sample = invoices.iter().skip((self.every - from % self.every) % self.every);
        self.known.extend(sample.step_by(self.every).map(|invoice| Known {
            tenant: invoice.tenant,
            invoice: invoice.id,
            customer: invoice.customer,
        }));
    }

    /// An invoice that can be sent, for the next who sends one.
    pub(crate) fn is_draft(&self, tenant: usize, invoice: Uuid) {
        self.drafts.lock().unwrap_or_else(PoisonError::into_inner).push_back((tenant, invoice));
    }

    /// A request of this kind; `None` for a sending once no draft is left.
    pub(crate) fn request(&self, route: Route, client: &Client) -> Result<Option<Asked>> {
        let known = self.draw(&self.known).ok_or("nothing was seeded")?;
        let tenant = known.tenant;
        let get = |path: &str| self.get(tenant, &client.uri(path));
        let asked = match route {
            Route::ReadInvoice => get(&format!("/api/v1/invoices/{}", known.invoice)),
            Route::ListCustomers => get("/api/v1/customers"),
            Route::DeepPage => {
                let place = self.draw(&self.places).ok_or("no deep page was found")?;
                let path = format!("/api/v1/invoices?after={}", place.cursor);
                self.get(place.tenant, &client.uri(&path))
            }
            Route::OfCustomer => get(&format!("/api/v1/invoices?customer_id={}", known.customer)),
            Route::Drafts => {
                // Of the largest tenants: a small one may have sent its last draft.
                let tenant = self.roll(self.authorization.len().div_ceil(10));
                self.get(tenant, &client.uri("/api/v1/invoices?status=draft&sort=due_on"))
            }
            Route::CreateCustomer => {
                let (key, body) = self.new_customer();
                self.post(tenant, &client.uri("/api/v1/customers"), &key, body)
            }
            Route::Replay => {
                let Kept { tenant, key, body } = self.draw(&self.kept).ok_or("no key was kept")?;
                self.post(*tenant, &client.uri("/api/v1/customers"), key, body.clone())
            }
            Route::CreateInvoice => {
                let body = self.new_invoice(known.customer);
                self.post(tenant, &client.uri("/api/v1/invoices"), &self.key(), body)
            }
            Route::Send => {
                let draft = self.drafts.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some((tenant, invoice)) = draft else { return Ok(None) };
                let path = format!("/api/v1/invoices/{invoice}/send");
                self.post(tenant, &client.uri(&path), &self.key(), Bytes::new())
            }
        };
        asked.map(Some)
    }

    /// A customer that nobody has yet, and a key for the request.
    pub(crate) fn new_customer(&self) -> (String, Bytes) {
        let key = self.key();
        let body = json!({"name": "Jane of the load test", "email": format!("{key}@example.com")});
        (key, body.to_string().into())
    }

    pub(crate) fn get(&self, tenant: usize, uri: &str) -> Result<Asked> {
        let request = Request::get(uri);
        let request = request.header(header::AUTHORIZATION, &self.authorization[tenant]);
        Ok(Asked { tenant, request: request.body(Full::default())? })
    }

    pub(crate) fn post(&self, tenant: usize, uri: &str, key: &str, body: Bytes) -> Result<Asked> {
        let mut request = Request::builder().method(Method::POST).uri(uri);
        request = request.header(header::AUTHORIZATION, &self.authorization[tenant]);
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.header("idempotency-key", key);
        Ok(Asked { tenant, request: request.body(Full::new(body))? })
    }

    fn new_invoice(&self, customer: Uuid) -> Bytes {
        let line = |n: u32| json!({"description": format!("Work, part {n}"), "quantity": n, "unit_price_minor": 12_500});
        let lines: Vec<_> = (1..=3).map(line).collect();
        let body = json!({"customer_id": customer, "currency": "EUR", "due_on": "2026-12-31", "lines": lines});
        body.to_string().into()
    }

    /// An idempotency key that was never used.
    fn key(&self) -> String {
        format!("load-{}", self.fresh.fetch_add(1, Ordering::Relaxed))
    }

    fn draw<'t, T>(&self, from: &'t [T]) -> Option<&'t T> {
        from.choose(&mut *self.dice.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn roll(&self, sides: usize) -> usize {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..sides)
    }
}
