//! What the database is seeded with: the same rows for the same seed, in the order of their times.
//!
//! The n-th tenant has a share of 1/n of the first one's, as sizes of customers tend to have: a few
//! whales, many small ones. Of a thousand tenants the first has an eighth of everything.

use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use rand::distr::Distribution as _;
use rand::distr::weighted::WeightedIndex;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use uuid::{Builder, Uuid};

use crate::Result;

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) tenants: usize,
    pub(crate) customers: usize,
    pub(crate) invoices: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) id: Uuid,
    pub(crate) slug: String,
    /// What its clients log in with.
    pub(crate) key: String,
    pub(crate) created_at: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub(crate) struct Customer {
    /// Its number in [`Rows::tenants`].
    pub(crate) tenant: usize,
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) created_at: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub(crate) struct Invoice {
    pub(crate) tenant: usize,
    pub(crate) id: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) currency: &'static str,
    pub(crate) due_on: Option<NaiveDate>,
    pub(crate) is_draft: bool,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) lines: Vec<Line>,
}

#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) id: Uuid,
    pub(crate) description: String,
    pub(crate) quantity: i64,
    pub(crate) unit_price_minor: i64,
}

/// Rows to come; customers first, since invoices are theirs.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) tenants: Vec<Tenant>,
    size: Size,
    dice: StdRng,
    weights: WeightedIndex<f64>,
    /// By tenant.
    customers: Vec<Vec<Uuid>>,
}

/// Customers come in the first year, invoices in the second.
const BEGIN: i64 = 1_704_067_200; // 2024-01-01
const YEAR: Duration = Duration::from_secs(365 * 86_400);

impl Rows {
    pub(crate) fn new(size: Size, seed: u64) -> Result<Self> {
        let mut dice = StdRng::seed_from_u64(seed);
        let tenants = (0..size.tenants).map(|number| {
            let created_at = moment(0, number, size.tenants);
            let key = format!("key_{:032x}", dice.random::<u128>());
            let id = id(created_at, &mut dice);
            Tenant { id, slug: format!("tenant-{}", number + 1), key, created_at }
        });
        let tenants = tenants.collect();
        let weights = WeightedIndex::new((1..=size.tenants).map(|number| 1.0 / number as f64))?;
        Ok(Self { tenants, size, dice, weights, customers: vec![Vec::new(); size.tenants] })
    }

    /// So many of the next customers, fewer at the end.
    pub(crate) fn customers(&mut self, from: usize, most: usize) -> Vec<Customer> {
        let numbers = from..self.size.customers.min(from + most);
        numbers.map(|number| self.customer(number)).collect()
    }

    /// So many of the next invoices, fewer at the end.
    pub(crate) fn invoices(&mut self, from: usize, most: usize) -> Vec<Invoice> {
        let numbers = from..self.size.invoices.min(from + most);
        numbers.map(|number| self.invoice(number)).collect()
    }

    fn customer(&mut self, number: usize) -> Customer {
        // Everybody has one; the others are spread like everything.
        let drawn = self.weights.sample(&mut self.dice);
        let tenant = if number < self.size.tenants { number } else { drawn };
        let created_at = moment(0, number, self.size.customers);
        let id = id(created_at, &mut self.dice);
        self.customers[tenant].push(id);
        let mut one = |names: &[&'static str]| *names.choose(&mut self.dice).unwrap_or(&"Jane");
        let name = format!("{} {}", one(&FIRST), one(&LAST));
        Customer { tenant, id, name, email: format!("customer-{number}@example.com"), created_at }
    }

    fn invoice(&mut self, number: usize) -> Invoice {
        let dice = &mut self.dice;
        let tenant = self.weights.sample(dice);
        let created_at = moment(1, number, self.size.invoices);
        let due = dice.random_range(14..=60);
        let due_on = dice.random_bool(0.8).then(|| created_at.date_naive() + Days::new(due));
        let lines = (0..dice.random_range(1..=4)).map(|position| Line {
            id: id(created_at, dice),
            description: format!("Work of week {}, part {}", number % 52 + 1, position + 1),
            quantity: dice.random_range(1..=10),
            // From 1.00 to 10,000.00, as many between 1 and 10 as between 1,000 and 10,000.
            unit_price_minor: 10f64.powf(dice.random_range(2.0..6.0)) as i64,
        });
        let lines = lines.collect();
        Invoice {
            tenant,
            id: id(created_at, dice),
            customer: self.customers[tenant].choose(dice).copied().unwrap_or_default(),
            currency: ["EUR", "EUR", "EUR", "USD", "CHF"].choose(dice).copied().unwrap_or("EUR"),
            due_on,
            is_draft: dice.random_bool(0.15),
            created_at,
            lines,
        }
    }
}

impl Invoice {
    pub(crate) fn status(&self) -> &'static str {
        if self.is_draft { "draft" } else { "sent" }
    }

    pub(crate) fn total_minor(&self) -> i64 {
        self.lines.iter().map(|line| line.quantity * line.unit_price_minor).sum()
    }
}

/// Of `many` evenly spread over a year, the time of this one.
fn moment(year: u32, number: usize, many: usize) -> DateTime<Utc> {
    let since = YEAR * year + YEAR.mul_f64(number as f64 / many as f64);
    let begin = DateTime::from_timestamp(BEGIN, 0).unwrap_or_default();
    begin + TimeDelta::milliseconds(since.as_millis() as i64)
}

/// A UUID of version 7 with this time, as the service makes them.
fn id(moment: DateTime<Utc>, dice: &mut StdRng) -> Uuid {
    let millis = u64::try_from(moment.timestamp_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &dice.random()).into_uuid()
}

const FIRST: [&str; 8] = ["Ada", "Ben", "Cleo", "Dara", "Emil", "Fatima", "Goran", "Hana"];
const LAST: [&str; 8] =
    ["Adeyemi", "Becker", "Costa", "Dubois", "Eriksen", "Ferrari", "Garcia", "Haddad"];

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { tenants: 50, customers: 500, invoices: 5000 };

    fn whole(seed: u64) -> (Vec<Tenant>, Vec<Customer>, Vec<Invoice>) {
        let mut rows = Rows::new(SIZE, seed).unwrap();
        let (customers, invoices) = (rows.customers(0, 1000), rows.invoices(0, 10_000));
        (rows.tenants, customers, invoices)
    }

    #[test]
    fn the_same_seed_makes_the_same_rows() {
        let same = |a, b| format!("{:?}", whole(a)) == format!("{:?}", whole(b));
        assert!(same(1, 1));
        assert!(!same(1, 2));
    }

    #[test]
    fn a_few_tenants_are_whales_and_none_is_without_a_customer() {
        let (tenants, customers, invoices) = whole(1);
        let of = |tenant| invoices.iter().filter(|invoice| invoice.tenant == tenant).count();
        assert!(of(0) > 10 * of(49), "{} and {}", of(0), of(49));
        for tenant in 0..tenants.len() {
            assert!(customers.iter().any(|customer| customer.tenant == tenant));
        }
    }

    #[test]
    fn an_invoice_is_its_own_tenants_customers() {
        let (_, customers, invoices) = whole(1);
        for invoice in &invoices {
            let customer = customers.iter().find(|customer| customer.id == invoice.customer);
            assert_eq!(customer.map(|customer| customer.tenant), Some(invoice.tenant));
            assert!(!invoice.lines.is_empty() && invoice.total_minor() > 0);
        }
        assert!(invoices.is_sorted_by_key(|invoice| invoice.created_at));
    }
}
