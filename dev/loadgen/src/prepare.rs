//! What requests need that only the service can make: places deep in a list, and keys that were used.

use serde_json::Value;

use crate::Result;
use crate::step::Load;
use crate::targets::{Kept, Place};

/// The lists of so many tenants, the largest, are walked.
const TENANTS: usize = 20;

/// So many pages of a hundred, or to the end.
const PAGES: usize = 100;

/// What is on the first pages is not deep.
const SHALLOW: usize = 3;

/// So many requests are there to be repeated.
const KEYS: usize = 200;

/// Learns both, tenant by tenant.
pub(crate) async fn prepare(load: &mut Load, tenants: usize) -> Result<()> {
    for tenant in 0..tenants.min(TENANTS) {
        walk(load, tenant).await?;
    }
    for number in 0..KEYS {
        let tenant = number % tenants;
        let (key, body) = load.targets.new_customer();
        let uri = load.client.uri("/api/v1/customers");
        let asked = load.targets.post(tenant, &uri, &key, body.clone())?;
        let status = load.client.ask(asked.request).await?.status;
        if status != 201 {
            return Err(format!("a customer to be repeated: {status}").into());
        }
        load.targets.kept.push(Kept { tenant, key, body });
    }
    Ok(())
}

/// Follows a list from page to page.
async fn walk(load: &mut Load, tenant: usize) -> Result<()> {
    let mut path = "/api/v1/invoices?limit=100".to_owned();
    for page in 0..PAGES {
        let asked = load.targets.get(tenant, &load.client.uri(&path))?;
        let answer = load.client.ask(asked.request).await?;
        let body: Value = serde_json::from_slice(&answer.body)?;
        let page_info = &body["page"];
        // Behind the last page there is none.
        if page_info["has_next"] != true {
            break;
        }
        let cursor = page_info["end_cursor"].as_str().ok_or("a page without a cursor")?.to_owned();
        path = format!("/api/v1/invoices?limit=100&after={cursor}");
        if page >= SHALLOW {
            load.targets.places.push(Place { tenant, cursor });
        }
    }
    Ok(())
}
