//! axum-idempotent over its own store in PostgreSQL, where it does what standalone mode does: a replay
//! from the database, and a new key around a handler that touches no database.
//!
//! It does less. It claims nothing, so two at once both run; it tells no other request under a key,
//! and keeps what it keeps after the handler alone. Its keys live in a session, which we have no use
//! for, so it is given one that is open.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use saas_core::TenantId;
use saas_idempotency::{IdempotencyLayer, SqlStore};
use sqlx::Postgres;
use tower::{Layer, ServiceExt, service_fn};

use super::{CLIENTS, request};
use crate::database::Database;
use crate::measure::{Turns, among, rate};
use crate::peer::Peer;
use crate::{Result, Size};

/// Where `dev/bench` says the program is.
const VARIABLE: &str = "BENCH_PEER_AXUM_IDEMPOTENT";

pub(super) async fn run(database: &Database, size: Size) -> Result<()> {
    let Some(mut peer) = Peer::start(VARIABLE, &database.owner_url())? else { return Ok(()) };
    let ours = Ours::new(database).await?;
    let millis = size.pick(500, 250);
    for question in ["replay", "new"] {
        let theirs = format!("{question} {CLIENTS} {millis}");
        let [ours, theirs] = among(size.pick(31, 15), async |who, _| match who {
            0 => ours.rate(question == "replay", Duration::from_millis(millis)).await,
            _ => Ok(peer.ask(&theirs)?.parse()?),
        })
        .await?;
        Turns::new(ours, theirs).report("idempotency/axum_idempotent", question, "1/s")?;
    }
    Ok(())
}

struct Ours {
    layer: IdempotencyLayer,
    tenant: TenantId,
    executed: Arc<Vec<Request<Full<Bytes>>>>,
}

impl Ours {
    async fn new(database: &Database) -> Result<Self> {
        let pool = database.app(CLIENTS).await?;
        let layer = IdempotencyLayer::new(SqlStore::<Postgres>::new(pool));
        let tenant = TenantId::new();
        let mut executed = Vec::new();
        for _ in 0..500 {
            let request = request(tenant)?;
            executed.push(request.clone());
            send(&layer, request, false).await?;
        }
        Ok(Self { layer, tenant, executed: Arc::new(executed) })
    }

    async fn rate(&self, replay: bool, span: Duration) -> Result<f64> {
        let (layer, tenant) = (self.layer.clone(), self.tenant);
        let executed = Arc::clone(&self.executed);
        rate(CLIENTS, span, move |call| {
            let (layer, executed) = (layer.clone(), Arc::clone(&executed));
            async move {
                let request = match replay {
                    true => executed[call % executed.len()].clone(),
                    false => request(tenant)?,
                };
                send(&layer, request, replay).await
            }
        })
        .await
    }
}

async fn send(layer: &IdempotencyLayer, request: Request<Full<Bytes>>, replay: bool) -> Result<()> {
    let response = layer.layer(service_fn(order)).oneshot(request).await?;
    let is_replay = response.headers().contains_key("idempotency-replayed");
    if response.status() == 201 && is_replay == replay {
        return Ok(());
    }
    Err(format!("not what was asked for: {}", response.status()).into())
}

async fn order(_: Request<Full<Bytes>>) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let body = r#"{"id":"0197a1b2-0000-7000-8000-000000000001","number":"INV-1","status":"draft","total_minor":1200}"#;
    let response = Response::builder()
        .status(201)
        .header("content-type", "application/json")
        .header("location", "/orders/0197a1b2-0000-7000-8000-000000000001");
    Ok(response.body(Full::from(body)).unwrap_or_default())
}
