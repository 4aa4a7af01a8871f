//! A new key in each mode, against the same handler without idempotency and against the same with two
//! statements that do nothing: no mode can be faster than that which asks the database twice.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::Full;
use saas_core::TenantId;
use saas_idempotency::{Idempotency, IdempotencyLayer, Reply, SqlStore};
use sqlx::{PgConnection, PgPool, Postgres};
use tower::{Layer, ServiceExt, service_fn};

use super::{CLIENTS, request};
use crate::measure::{Turns, among, rate};
use crate::{Result, Size};

/// A handler's work, in a transaction of its own kind.
pub(super) trait Handler: Clone + Send + Sync + 'static {
    type Tx: AsMut<PgConnection> + Send;

    fn begin(&self) -> impl Future<Output = Result<Self::Tx>> + Send;
    fn work(&self, tx: Self::Tx) -> impl Future<Output = Result<(Self::Tx, Reply)>> + Send;
    fn commit(tx: Self::Tx) -> impl Future<Output = Result<()>> + Send;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Bare,
    Free,
    Standalone,
    Atomic,
    Optimistic,
}

const MODES: [Mode; 5] = [Mode::Bare, Mode::Free, Mode::Standalone, Mode::Atomic, Mode::Optimistic];

pub(super) async fn run<H: Handler>(
    bench: &str,
    handler: H,
    pool: &PgPool,
    size: Size,
) -> Result<()> {
    let span = Duration::from_millis(size.pick(600, 250));
    let samples = among(size.pick(31, 15), async |who, _| {
        rate(CLIENTS, span, call(MODES[who], handler.clone(), pool.clone())).await
    });
    let [bare, free, standalone, atomic, optimistic] = samples.await?;
    let against = |ours: &Vec<f64>, metric| {
        Turns::new(ours.clone(), bare.clone()).report(bench, metric, "1/s")
    };
    against(&free, "two_free_statements")?;
    against(&standalone, "standalone")?;
    against(&atomic, "atomic")?;
    against(&optimistic, "optimistic")?;
    Turns::new(atomic, free.clone()).report(bench, "atomic_to_two_free_statements", "1/s")?;
    Turns::new(optimistic, free).report(bench, "optimistic_to_two_free_statements", "1/s")
}

/// Sends a new request, the same to all.
fn call<H: Handler>(
    mode: Mode,
    handler: H,
    pool: PgPool,
) -> impl Fn(usize) -> BoxFuture<'static, Result<()>> + Clone {
    let layer = IdempotencyLayer::new(SqlStore::<Postgres>::new(pool));
    let layer = if mode == Mode::Standalone { layer } else { layer.atomic() };
    let service = service_fn(move |request| respond(mode, handler.clone(), request));
    let tenant = TenantId::new();
    move |_| {
        let (layer, service) = (layer.clone(), service.clone());
        Box::pin(async move {
            let request = request(tenant)?;
            let status = match mode {
                Mode::Bare | Mode::Free => service.oneshot(request).await?.status(),
                _ => layer.layer(service).oneshot(request).await?.status(),
            };
            if status == 201 { Ok(()) } else { Err(status.as_str().into()) }
        })
    }
}

async fn respond<H: Handler>(
    mode: Mode,
    handler: H,
    request: Request<Full<Bytes>>,
) -> Result<Response<Full<Bytes>>> {
    let handle = || request.extensions().get::<Idempotency>().cloned().ok_or("no handle");
    let mut tx = handler.begin().await?;
    let (tx, reply) = match mode {
        Mode::Bare | Mode::Standalone => done(handler.work(tx).await?),
        Mode::Free => {
            nothing(tx.as_mut()).await?;
            let (mut tx, reply) = handler.work(tx).await?;
            nothing(tx.as_mut()).await?;
            done((tx, reply))
        }
        Mode::Atomic => done(handle()?.atomic(tx, |tx| handler.work(tx)).await?),
        Mode::Optimistic => handle()?.optimistic(tx, |tx| handler.work(tx)).await?,
    };
    if let Some(tx) = tx {
        H::commit(tx).await?;
    }
    Ok(Response::builder().status(reply.status()).body(Full::new(reply.body().clone()))?)
}

fn done<T>((tx, reply): (T, Reply)) -> (Option<T>, Reply) {
    (Some(tx), reply)
}

async fn nothing(conn: &mut PgConnection) -> Result<()> {
    sqlx::query("select 1").execute(conn).await?;
    Ok(())
}
