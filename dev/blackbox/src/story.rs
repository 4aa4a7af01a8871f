use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Client, PATIENCE, Service, eventually};

/// A tenant as it was made.
#[derive(Debug)]
pub struct Tenant {
    /// Its name in hosts and in `X-Tenant`.
    pub slug: String,
    /// A client with its key.
    pub api: Client,
}

impl Service {
    /// A new tenant.
    pub async fn tenant(&self) -> Tenant {
        let slug = fresh("tenant");
        let body = json!({"slug": slug, "name": "A tenant"});
        let made = self.operator().post("/tenants").json(&body).await.expect(201).json();
        let api = self.anonymous().with_token(made["api_key"].as_str().expect("an api_key"));
        Tenant { slug, api }
    }

    /// The client of a new tenant.
    pub async fn api(&self) -> Client {
        self.tenant().await.api
    }
}

impl Client {
    /// Posts under a new key and returns what was made.
    pub async fn create(&self, path: &str, body: &Value) -> Value {
        self.post(path).json(body).keyed().await.expect(201).json()
    }

    /// A new customer.
    pub async fn customer(&self) -> Value {
        self.customer_as("A customer", &format!("{}@example.com", fresh("c"))).await
    }

    /// A new customer with this name and address.
    pub async fn customer_as(&self, name: &str, email: &str) -> Value {
        self.create("/customers", &json!({"name": name, "email": email})).await
    }

    /// A new draft for this customer.
    pub async fn invoice(&self, customer: &Value) -> Value {
        self.create("/invoices", &invoice_body(customer)).await
    }

    /// A new customer's new draft.
    pub async fn draft(&self) -> Value {
        self.invoice(&self.customer().await).await
    }

    /// Sends an invoice and returns the job.
    pub async fn send(&self, invoice: &Value) -> String {
        let sent =
            self.post(&format!("/invoices/{}/send", id(invoice))).keyed().await.expect(202).json();
        sent["job_id"].as_str().expect("a job_id").to_owned()
    }

    /// Waits until a job is done.
    pub async fn done(&self, job: &str) {
        eventually(&format!("job {job} is done"), PATIENCE, async || {
            let job = self.get(&format!("/jobs/{job}")).await.expect(200).json();
            let state = job["state"].as_str().expect("a state").to_owned();
            assert!(["ready", "scheduled", "running", "done"].contains(&state.as_str()), "{job}");
            (state == "done").then_some(())
        })
        .await;
    }

    /// A row as it is now.
    pub async fn read(&self, path: &str, row: &Value) -> Value {
        self.get(&format!("{path}/{}", id(row))).await.expect(200).json()
    }

    /// The first hundred ids of a list; `query` may be empty.
    pub async fn ids(&self, path: &str, query: &str) -> Vec<String> {
        let list = self.get(&with_query(path, &["limit=100", query])).await.expect(200).json();
        list["items"].as_array().expect("items").iter().map(|row| id(row).to_owned()).collect()
    }
}

/// A path with those of the parameters that are not empty.
pub fn with_query(path: &str, parameters: &[&str]) -> String {
    let parameters: Vec<_> = parameters.iter().copied().filter(|one| !one.is_empty()).collect();
    format!("{path}?{}", parameters.join("&"))
}

/// The body of a small invoice for this customer: two lines, 1,250 in all.
pub fn invoice_body(customer: &Value) -> Value {
    json!({
        "customer_id": id(customer),
        "currency": "EUR",
        "due_on": "2026-12-31",
        "lines": [
            {"description": "Hours", "quantity": 2, "unit_price_minor": 500},
            {"description": "Fee", "quantity": 1, "unit_price_minor": 250},
        ],
    })
}

/// A row's id.
#[track_caller]
pub fn id(row: &Value) -> &str {
    row["id"].as_str().unwrap_or_else(|| panic!("no id in {row}"))
}

/// A word that was never used.
pub fn fresh(word: &str) -> String {
    format!("{word}-{}", Uuid::now_v7().simple())
}
