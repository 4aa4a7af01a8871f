//! Customers of a tenant.

use saas_core::{Entity, Id, Problem, SoftDelete, TenantId, Timestamps, Version};
use saas_idempotency::{Idempotency, Reply};
use saas_tenancy::Error;
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use utoipa::ToSchema;

use crate::failpoint::point;
use crate::input::{self, Members};
use crate::invoices::{Invoice, Status};
use crate::openapi::values;
use crate::{App, Db, lists};

/// Whom a tenant sends invoices to.
#[derive(Debug, Clone, Entity, FromRow, Serialize, ToSchema)]
#[entity(table = "customers", tenant)]
pub struct Customer {
    #[schema(value_type = Uuid)]
    pub id: Id<Customer>,
    #[serde(skip)]
    pub tenant_id: TenantId,
    #[schema(schema_with = values::text::<200>)]
    pub name: String,
    #[schema(schema_with = values::email)]
    pub email: String,
    /// The email in lower case: how it is compared.
    #[entity(unique)]
    #[serde(skip)]
    pub email_key: String,
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

/// The body of `POST /customers`.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCustomer {
    #[schema(schema_with = values::text::<200>)]
    pub name: String,
    #[schema(schema_with = values::email)]
    pub email: String,
}

impl NewCustomer {
    fn read(body: Value) -> Result<Self, Problem> {
        let mut members = Members::of(body)?;
        let name = members.required("name", input::text(200));
        let email = members.required("email", input::email);
        members.finish()?;
        let (Some(name), Some(email)) = (name, email) else { return Err(input::invalid()) };
        Ok(Self { name, email })
    }
}

/// The body of `PATCH /customers/{id}`.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerChange {
    #[schema(schema_with = values::text::<200>)]
    pub name: Option<String>,
    #[schema(schema_with = values::email)]
    pub email: Option<String>,
}

impl CustomerChange {
    fn read(body: Value) -> Result<Self, Problem> {
        let mut members = Members::of(body)?;
        let name = members.present("name", input::text(200));
        let email = members.present("email", input::email);
        members.finish()?;
        Ok(Self { name, email })
    }
}

impl Customer {
    /// The answer that shows it.
    pub fn reply(&self, status: u16) -> Result<Reply, Problem> {
        Ok(Reply::json(status, self)?.header("etag", etag(self.version)))
    }
}

/// The form in which emails are compared.
pub fn email_key(email: &str) -> String {
    email.to_lowercase()
}

/// `POST /customers`.
pub async fn create<D: Db>(
    app: App<D>,
    tenant: TenantId,
    idempotency: Idempotency,
    body: Value,
) -> Result<Reply, Problem> {
    let NewCustomer { name, email } = NewCustomer::read(body)?;
    let customer = Customer {
        id: Id::new(),
        tenant_id: tenant,
        name,
        email_key: email_key(&email),
        email,
        version: Version::FIRST,
        timestamps: Timestamps::new(&*app.clock),
        deletion: SoftDelete::LIVE,
    };
    app.once(tenant, &idempotency, async |tx| {
        tx.insert(&customer).await.map_err(email_taken)?;
        point("customer.inserted");
        let location = format!("/api/v1/customers/{}", customer.id);
        Ok(customer.reply(201)?.header("location", location))
    })
    .await
}

/// `GET /customers`.
pub async fn list<D: Db>(app: App<D>, tenant: TenantId, query: String) -> Result<Reply, Problem> {
    lists::page(&app, tenant, &lists::CUSTOMERS, &query).await
}

/// `GET /customers/{id}`.
pub async fn get<D: Db>(app: App<D>, tenant: TenantId, id: Id<Customer>) -> Result<Reply, Problem> {
    app.db.read(tenant).select::<Customer>().by_id(id).one().await?.reply(200)
}

/// `PATCH /customers/{id}`: the members that are there are changed.
pub async fn patch<D: Db>(
    app: App<D>,
    tenant: TenantId,
    id: Id<Customer>,
    if_match: Option<String>,
    body: Value,
) -> Result<Reply, Problem> {
    let mut tx = app.db.tenant(tenant).await?;
    let before = tx.select::<Customer>().by_id(id).for_update().one(&mut tx).await?;
    let Some(tags) = if_match else {
        return Err(Problem::new(428).detail("send If-Match with the ETag that you read"));
    };
    check_match(&tags, before.version)?;
    let CustomerChange { name, email } = CustomerChange::read(body)?;
    if name.is_none() && email.is_none() {
        return before.reply(200);
    }
    let mut update = tx.update(id).if_version(before.version);
    if let Some(name) = name {
        update = update.set(Customer::NAME, name);
    }
    if let Some(email) = email {
        update = update.set(Customer::EMAIL_KEY, email_key(&email)).set(Customer::EMAIL, email);
    }
    update.await.map_err(email_taken)?;
    let after = tx.select::<Customer>().by_id(id).one(&mut tx).await?;
    tx.commit().await?;
    after.reply(200)
}

/// `DELETE /customers/{id}`: takes the customer's drafts along.
pub async fn delete<D: Db>(
    app: App<D>,
    tenant: TenantId,
    id: Id<Customer>,
    if_match: Option<String>,
) -> Result<Reply, Problem> {
    let mut tx = app.db.tenant(tenant).await?;
    if let Some(tags) = if_match {
        let before = tx.select::<Customer>().by_id(id).for_update().one(&mut tx).await?;
        check_match(&tags, before.version)?;
    }
    let drafts = Invoice::STATUS.eq(Status::Draft);
    tx.soft_delete(id).cascade_if(Invoice::CUSTOMER_ID, drafts).await?;
    // What is left is on its way or sent. Asked after the drafts are locked, so that none of them
    // can be sent in between.
    let others = tx.select::<Invoice>().filter(Invoice::CUSTOMER_ID.eq(id));
    if others.exists(&mut tx).await? {
        return Err(Problem::new(409).detail("the customer has invoices that were sent"));
    }
    tx.commit().await?;
    Ok(Reply::new(204))
}

/// `POST /customers/{id}/restore`: brings back exactly what the deletion took.
pub async fn restore<D: Db>(
    app: App<D>,
    tenant: TenantId,
    id: Id<Customer>,
) -> Result<Reply, Problem> {
    let mut tx = app.db.tenant(tenant).await?;
    tx.restore(id).cascade(Invoice::CUSTOMER_ID).await.map_err(email_taken)?;
    let customer = tx.select::<Customer>().by_id(id).one(&mut tx).await?;
    tx.commit().await?;
    customer.reply(200)
}

fn email_taken(error: Error) -> Problem {
    match error {
        Error::Taken { .. } => {
            Problem::new(409).detail("another customer has this email").field("email", "is taken")
        }
        other => other.into(),
    }
}

/// A strong entity tag: the version counts every write.
pub fn etag(version: Version) -> String {
    format!("\"{version}\"")
}

/// Whether the client saw the row as it is
/// ([RFC 9110, section 13.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1)).
pub fn check_match(tags: &str, version: Version) -> Result<(), Problem> {
    let current = etag(version);
    if tags.trim() == "*" || tags.split(',').any(|tag| tag.trim() == current) {
        Ok(())
    } else {
        Err(Problem::new(412).detail("it was changed since you read it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_compares_strongly() {
        let at = Version::new(3);
        for good in ["*", "\"3\"", "\"1\", \"3\""] {
            assert!(check_match(good, at).is_ok(), "{good}");
        }
        for stale in ["W/\"3\"", "\"33\"", "3", ""] {
            assert_eq!(check_match(stale, at).unwrap_err().status(), 412, "{stale}");
        }
    }
}
