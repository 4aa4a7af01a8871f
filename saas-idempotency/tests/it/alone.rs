//! On hyper, with no framework and no other crate of the family's.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::{client, server};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use saas_idempotency::{Buffered, Idempotency, IdempotencyLayer, MemoryStore, Scope};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceBuilder;

async fn pay(request: Request<Buffered<Incoming>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let charge = request.extensions().get().map(|handle: &Idempotency| handle.derive("charge"));
    Ok(Response::new(Full::from(charge.unwrap_or_default())))
}

#[tokio::test]
async fn a_tower_service_on_hyper_needs_ten_lines() {
    let service = ServiceBuilder::new()
        .map_request(|request: Request<Incoming>| {
            let mut request = request.map(Buffered::new);
            request.extensions_mut().insert(Scope::user("ann"));
            request
        })
        .layer(IdempotencyLayer::new(MemoryStore::new()))
        .service_fn(pay);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = TowerToHyperService::new(service);
        server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
    });

    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut client, connection) = client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut pay = async || {
        let request = Request::post("/pay").header("host", "test").header("idempotency-key", "k");
        let response = client.send_request(request.body(Empty::<Bytes>::new()).unwrap());
        let (parts, body) = response.await.unwrap().into_parts();
        (parts.headers, body.collect().await.unwrap().to_bytes())
    };
    let (first, again) = (pay().await, pay().await);
    assert!(!first.0.contains_key("idempotency-replayed") && first.1.len() == 64);
    assert_eq!((&again.0["idempotency-replayed"], again.1), (&"true".parse().unwrap(), first.1));
}
