//! Clients that disconnect: a TCP connection that is closed in the middle.

use super::client::post;
use super::{Setup, Shell};
use crate::on_both_shells;

on_both_shells!(
    a_client_that_disconnects_does_not_stop_the_work,
    a_hundred_clients_that_disconnect_leave_one_execution,
);

async fn a_client_that_disconnects_does_not_stop_the_work<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "wait");
    let client = server.calling(&call);
    server.work.ran(1).await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    // The server has noticed by now, or does in the middle of what follows.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(server.call(&call).await.status, 409, "it still runs");
    server.work.let_end(1);
    let again = server.settled(&call).await;
    assert_eq!((again.body.as_str(), again.is_replayed()), ("waited", true));
    assert_eq!(server.work.runs(), 1);
}

async fn a_hundred_clients_that_disconnect_leave_one_execution<S: Shell>() {
    let server = S::start(Setup::default()).await;
    let call = post("/", "one");
    for client in 0..100 {
        let client_of = server.calling(&call);
        tokio::time::sleep(std::time::Duration::from_micros(client * 30)).await;
        client_of.abort();
    }
    let last = server.settled(&call).await;
    assert_eq!((last.status, server.work.runs()), (201, 1));
}
