//! Connections: each has a task of its own, and a bound on how long it may take to say what it wants.

use std::net::TcpListener;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use invoicing_domain::process::Server;
use invoicing_domain::{App, Db, Error, limits};
use tokio_util::sync::CancellationToken;

use crate::extract::Peer;
use crate::routes;

/// axum, as what answers requests.
#[derive(Debug, Clone, Copy)]
pub struct Axum;

impl Server for Axum {
    async fn serve<D: Db>(
        self,
        app: App<D>,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> Result<(), Error> {
        let idempotency = routes::idempotency(&app);
        let router = routes::router(app, idempotency.clone());
        listen(tokio::net::TcpListener::from_std(listener)?, router, stop).await;
        // Work goes on though its client has left, and no connection waits for it.
        idempotency.finished().await;
        Ok(())
    }

    async fn watch<D: Db>(
        self,
        app: App<D>,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> Result<(), Error> {
        listen(tokio::net::TcpListener::from_std(listener)?, routes::watch(app), stop).await;
        Ok(())
    }
}

/// Serves until `stop`, then lets every request that has begun end.
///
/// HTTP/1 only: what speaks HTTP/2 to the world is the proxy in front, which also has the TLS.
async fn listen(listener: tokio::net::TcpListener, router: Router, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits::HEAD);
    let graceful = GracefulShutdown::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, for instance: connections that end make room.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // An answer is small and whole: waiting for more of it only delays it.
        let _ = stream.set_nodelay(true);
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer.ip()));
            router.call(request)
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke off");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}
