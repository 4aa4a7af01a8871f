//! The listening and working process, and its end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use saas_core::Clock;
use saas_idempotency::{SqlStore, Store};
use saas_jobs::Worker;
use tokio::net::TcpSocket;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::greet::greet;
use crate::limits::{BACKLOG, GRACE};
use crate::process::{Command, Server};
use crate::send::SendInvoice;
use crate::{App, Db, Error, signals, trace};

const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// How often it is looked how full the queue is.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);

/// Runs until a signal, then drains: it is not ready any more and begins no job, a while later it
/// accepts no connection, and when all is done it ends.
pub async fn serve<D: Db>(
    command: Command,
    server: impl Server,
    app: App<D>,
    config: &Config,
    token: Option<String>,
) -> Result<(), Error> {
    let pool = app.db.pool().clone();
    let public = (command != Command::Work).then(|| bound("BIND", config.bind)).transpose()?;
    let watched = config.metrics_bind.map(|address| bound("METRICS_BIND", address)).transpose()?;
    let ending = app.ending.clone();
    let (closed, done) = (CancellationToken::new(), CancellationToken::new());
    let worker = async {
        if command == Command::Api {
            return Ok(());
        }
        let worker =
            Worker::new(pool.clone(), app.queue.clone(), app.clone()).register::<SendInvoice>();
        let worker = worker.concurrency(8).grace(GRACE).gauges(SAMPLE_EVERY);
        let worker = trace::jobs(worker).run_until(ending.cancelled());
        let store = SqlStore::new(pool.clone()).statements(app.statements);
        let sweeper = sweep(store, &*app.clock, &ending);
        tokio::pin!(worker);
        tokio::select! {
            result = &mut worker => result,
            () = sweeper => worker.await,
        }
        .map_err(Error::from)
    };
    let api = async {
        let Some(listener) = public else { return Ok(()) };
        greet(listener.local_addr()?, token.as_deref());
        server.serve(app.clone(), listener, closed.clone()).await?;
        // Work goes on though its client has left, and the server does not wait for it.
        app.tasks.finished().await;
        Ok(())
    };
    let both = async {
        // If one of the two fails, the other drains as if told to stop.
        let drain = |_: &Error| {
            ending.cancel();
            closed.cancel();
        };
        let worker = async { worker.await.inspect_err(drain) };
        let api = async { api.await.inspect_err(drain) };
        let (worker, api) = tokio::join!(worker, api);
        done.cancel();
        worker.and(api)
    };
    // To the end, so that the drain is seen as well.
    let watch = async {
        let Some(listener) = watched else { return Ok(()) };
        server.watch(app.clone(), listener, done.clone()).await
    };
    let signal = async {
        let patient = signals::told_to_end().await;
        tracing::info!("draining");
        ending.cancel();
        if patient {
            // Whoever spreads requests over processes has yet to learn that this one is not ready.
            tokio::time::sleep(config.drain_delay).await;
        }
        closed.cancel();
        let last = Duration::from_secs(5);
        tokio::time::sleep(GRACE - last).await;
        // Who did not come in by now will not be done in time: another process is to serve them.
        app.admission.close();
        tokio::time::sleep(last + last).await;
    };
    let result = tokio::select! {
        (both, watch) = async { tokio::join!(both, watch) } => both.and(watch),
        () = signal => Err("requests or jobs did not finish in time".into()),
    };
    // A statement that hangs in the database must not keep the process.
    let _ = tokio::time::timeout(Duration::from_secs(5), pool.close()).await;
    result
}

/// A listener at the address that a variable names.
fn bound(variable: &str, address: SocketAddr) -> Result<TcpListener, Error> {
    let listener = listener(address);
    listener.map_err(|error| format!("{variable}: cannot listen on {address}: {error}").into())
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // The port of a process that has just ended is free, whatever its last connections do.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Removes idempotency records that have expired, so that the table stays as large as a day's keys.
async fn sweep(store: impl Store, clock: &dyn Clock, stop: &CancellationToken) {
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
