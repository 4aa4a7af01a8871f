//! A tower service on hyper, without a framework: `cargo run --example hyper`, then twice
//! `curl -i -H 'Idempotency-Key: k' -d '' localhost:3000`.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use saas_idempotency::{Buffered, IdempotencyLayer, MemoryStore, Scope};
use tokio::net::TcpListener;
use tower::ServiceBuilder;

async fn pay(_: Request<Buffered<Incoming>>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("paid\n")))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let service = ServiceBuilder::new()
        .map_request(|request: Request<Incoming>| {
            let mut request = request.map(Buffered::new);
            // What authenticates puts it there.
            request.extensions_mut().insert(Scope::user("ann"));
            request
        })
        .layer(IdempotencyLayer::new(MemoryStore::new()))
        .service_fn(pay);
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
