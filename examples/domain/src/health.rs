//! For whoever watches the process.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use saas_core::Problem;
use saas_idempotency::Reply;

use crate::tenants::Tenant;
use crate::{App, Db, Error};

/// `GET /healthz`: the process answers.
pub fn alive() -> Reply {
    ok()
}

/// `GET /readyz`: the database answers, with the tables that this version needs: starting has checked
/// those. From the signal to end on it is not ready, though it goes on answering for a while.
pub async fn ready<D: Db>(app: App<D>) -> Result<Reply, Problem> {
    if app.ending.is_cancelled() {
        return Err(Problem::new(503).detail("the process is about to end"));
    }
    let probe = app.db.read_global();
    let probe = probe.select::<Tenant>().limit(1);
    match tokio::time::timeout(Duration::from_secs(2), probe.optional()).await {
        Ok(Ok(_)) => Ok(ok()),
        _ => Err(Problem::new(503).detail("the database does not answer")),
    }
}

/// `invoicing-… health`: asks the process at this address whether it is ready, for a container that
/// has nothing else to ask with.
pub fn ask(mut address: SocketAddr) -> Result<(), Error> {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
            address.set_ip(Ipv4Addr::LOCALHOST.into())
        }
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            address.set_ip(Ipv6Addr::LOCALHOST.into())
        }
        _ => {}
    }
    let patience = Duration::from_secs(4);
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    Err(format!("not ready: {}", answer.lines().next().unwrap_or_default()).into())
}

fn ok() -> Reply {
    Reply::new(200).header("content-type", "text/plain; charset=utf-8").with_body("ok")
}
