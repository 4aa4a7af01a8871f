//! What a replay costs against a plain select by key, what a new key costs a handler in each mode,
//! how both compare to axum-idempotent, and how much room a million records take.

mod insert;
mod modes;
mod peer;
mod replay;
mod room;
mod sending;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use saas_core::TenantId;
use saas_idempotency::Scope;
use sqlx::Postgres;
use uuid::Uuid;

use crate::database::Database;
use crate::{Result, Size};

/// Clients at once, each with a connection.
const CLIENTS: u32 = 8;

pub(crate) async fn run(size: Size) -> Result<()> {
    let database = Database::fresh().await;
    saas_idempotency::migrate::<Postgres>(&mut *database.owner.acquire().await?).await?;
    saas_idempotency::grant(&mut *database.owner.acquire().await?, &database.role).await?;
    replay::run(&database, size).await?;
    insert::run(&database, size).await?;
    sending::run(&database, size).await?;
    peer::run(&database, size).await?;
    room::run(&database, size).await?;
    database.remove().await
}

/// A request of a tenant, under a key that no other has.
fn request(tenant: TenantId) -> Result<Request<Full<Bytes>>> {
    let body = r#"{"customer":"0197a1b2-0000-7000-8000-000000000000","lines":[{"quantity":3}]}"#;
    let mut request = Request::post("/orders")
        .header("content-type", "application/json")
        .header("idempotency-key", Uuid::now_v7().to_string())
        .body(Full::from(body))?;
    request.extensions_mut().insert(Scope::tenant(tenant));
    Ok(request)
}
