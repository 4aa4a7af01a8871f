//! The listening and working process, and its end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use saas_core::Clock;
use saas_idempotency::{SqlStore, Store};
use saas_jobs::Worker;
use sqlx::Pool;
use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;

use crate::greet::greet;
use crate::limits::{BACKLOG, GRACE};
use crate::process::{Command, Server};
use crate::send::SendInvoice;
use crate::{App, Db, Error};

const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// Runs until a signal, then drains.
pub async fn serve<D: Db>(
    command: Command,
    server: impl Server,
    app: App<D>,
    pool: Pool<D>,
    bind: SocketAddr,
    token: Option<String>,
) -> Result<(), Error> {
    let stop = CancellationToken::new();
    let worker = async {
        if command == Command::Api {
            return Ok(());
        }
        let worker =
            Worker::new(pool.clone(), app.queue.clone(), app.clone()).register::<SendInvoice>();
        let worker = worker.concurrency(8).grace(GRACE).run_until(stop.cancelled());
        let sweeper = sweep(SqlStore::new(pool.clone()), &*app.clock, stop.clone());
        tokio::pin!(worker);
        tokio::select! {
            result = &mut worker => result,
            () = sweeper => worker.await,
        }
        .map_err(Error::from)
    };
    let api = async {
        if command == Command::Work {
            return Ok(());
        }
        let listener =
            bound(bind).map_err(|error| format!("BIND: cannot listen on {bind}: {error}"))?;
        greet(listener.local_addr()?, token.as_deref());
        server.serve(app.clone(), listener, stop.clone()).await?;
        // Work goes on though its client has left, and the server does not wait for it.
        app.tasks.finished().await;
        Ok(())
    };
    let signal = async {
        until_told().await;
        tracing::info!("draining");
        stop.cancel();
        let last = Duration::from_secs(5);
        tokio::time::sleep(GRACE - last).await;
        // Who did not come in by now will not be done in time: another process is to serve them.
        app.admission.requests.close();
        tokio::time::sleep(last + last).await;
    };
    let both = async {
        // If one of the two fails, the other drains as if told to stop.
        let failed = |result: &Result<(), Error>| {
            if result.is_err() {
                stop.cancel();
            }
        };
        let worker = async {
            let result = worker.await;
            failed(&result);
            result
        };
        let api = async {
            let result = api.await;
            failed(&result);
            result
        };
        let (worker, api) = tokio::join!(worker, api);
        worker.and(api)
    };
    let result = tokio::select! {
        result = both => result,
        () = signal => Err("requests or jobs did not finish in time".into()),
    };
    // A statement that hangs in the database must not keep the process.
    let _ = tokio::time::timeout(Duration::from_secs(5), pool.close()).await;
    result
}

/// A listener at this address.
fn bound(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // The port of a process that has just ended is free, whatever its last connections do.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Removes idempotency records that have expired, so that the table stays as large as a day's keys.
async fn sweep(store: impl Store, clock: &dyn Clock, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(SWEEP_EVERY)).await.is_some() {
        loop {
            match store.sweep(clock.now(), 1000).await {
                Ok(1000) => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "expired idempotency records were not removed");
                    break;
                }
            }
        }
    }
}

async fn until_told() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else {
            let _ = interrupt.await;
            return;
        };
        tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    let _ = interrupt.await;
}
