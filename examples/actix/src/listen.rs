//! Connections: each on one of several threads, and a bound on how long it may take to say what it
//! wants.

use std::net::TcpListener;

use actix_web::HttpServer;
use actix_web::http::KeepAlive;
use invoicing_domain::process::Server;
use invoicing_domain::{App, Db, Error, limits};
use tokio_util::sync::CancellationToken;

use crate::routes;

/// actix-web, as what answers requests.
#[derive(Debug, Clone, Copy)]
pub struct Actix;

impl Server for Actix {
    /// HTTP/1 only: what speaks HTTP/2 to the world is the proxy in front, which also has the TLS.
    async fn serve<D: Db>(
        self,
        app: App<D>,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> Result<(), Error> {
        let idempotency = routes::idempotency(&app);
        let all = move || {
            let idempotency = idempotency.clone();
            routes::service(app.clone(), |routes| routes::all::<D>(idempotency, routes))
        };
        let server = HttpServer::new(all)
            .client_request_timeout(limits::HEAD)
            .keep_alive(KeepAlive::Timeout(limits::HEAD))
            // An answer is small and whole: waiting for more of it only delays it.
            .tcp_nodelay(true)
            .shutdown_timeout(limits::GRACE.as_secs())
            // In place of signals, which are the whole process's.
            .shutdown_signal(stop.cancelled_owned())
            .listen(listener)?;
        // Work whose client has left was handed over to the main runtime, and is waited for there.
        Ok(server.run().await?)
    }

    async fn watch<D: Db>(
        self,
        app: App<D>,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> Result<(), Error> {
        let server = HttpServer::new(move || routes::service(app.clone(), routes::watched::<D>))
            .workers(1)
            .client_request_timeout(limits::HEAD)
            .keep_alive(KeepAlive::Timeout(limits::HEAD))
            .shutdown_timeout(1)
            .shutdown_signal(stop.cancelled_owned())
            .listen(listener)?;
        Ok(server.run().await?)
    }
}
