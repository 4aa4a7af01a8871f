//! What the lists offer: sorts, filters, limits. Each sort has its index in the migrations.

use std::sync::LazyLock;

use saas_core::sql::Reads;
use saas_core::{Problem, TenantId, TenantOwned};
use saas_idempotency::Reply;
use saas_pagination::List;
use saas_pagination::Operator::{Eq, Gte, Is, Lt};
use serde::Serialize;

use crate::customers::{Customer, email_key};
use crate::invoices::Invoice;
use crate::{App, Db};

/// One page of a tenant's list, and the links to its neighbours: one statement, behind the wall.
pub async fn page<D: Db + Reads<E>, E: TenantOwned + Serialize>(
    app: &App<D>,
    tenant: TenantId,
    list: &List<E>,
    query: &str,
) -> Result<Reply, Problem> {
    let read = app.db.read(tenant);
    let plan = list.request(query, &app.cursors, tenant)?.plan(read.select::<E>());
    let rows = read.fetch_all(&plan).await?;
    let page = plan.page(rows)?;
    let reply = Reply::json(200, &page)?;
    Ok(match page.links(query) {
        Some(links) => reply.header("link", links),
        None => reply,
    })
}

/// `GET /customers`.
pub static CUSTOMERS: LazyLock<List<Customer>> = LazyLock::new(|| {
    List::of_entity()
        .sort("created_at", Customer::CREATED_AT, |customer| customer.timestamps.created_at)
        .sort("name", Customer::NAME, |customer| customer.name.clone())
        .default_sort("-created_at")
        .filter("name", Customer::NAME, [Eq])
        .filter_expression("email", "email_key", |email: String| email_key(&email), [Eq])
        .filter("created_at", Customer::CREATED_AT, [Gte, Lt])
});

/// `GET /invoices`.
pub static INVOICES: LazyLock<List<Invoice>> = LazyLock::new(|| {
    List::of_entity()
        .sort("created_at", Invoice::CREATED_AT, |invoice| invoice.timestamps.created_at)
        .sort("due_on", Invoice::DUE_ON, |invoice| invoice.due_on)
        .sort("total_minor", Invoice::TOTAL_MINOR, |invoice| invoice.total_minor)
        .default_sort("-created_at")
        .filter("status", Invoice::STATUS, [Eq])
        .filter("customer_id", Invoice::CUSTOMER_ID, [Eq])
        .filter("due_on", Invoice::DUE_ON, [Is])
        .filter("total_minor", Invoice::TOTAL_MINOR, [Gte, Lt])
});

#[cfg(test)]
mod tests {
    #[test]
    fn the_declarations_hold_together() {
        super::CUSTOMERS.check().unwrap();
        super::INVOICES.check().unwrap();
    }
}
