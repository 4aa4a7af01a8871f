//! Panics: released only where nothing can have happened.

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use saas_core::ManualClock;

use super::client::post;
use super::{Setup, Shell};
use crate::on_both_shells;

on_both_shells!(
    a_panic_breaks_the_connection_and_its_lease_stays,
    after_a_panic_the_server_goes_on,
);

async fn a_panic_breaks_the_connection_and_its_lease_stays<S: Shell>() {
    let clock = Arc::new(ManualClock::at(DateTime::UNIX_EPOCH));
    let server = S::start(Setup { clock: Some(clock.clone()), ..Setup::default() }).await;
    let call = post("/", "panic");
    server.try_call(&call).await.unwrap_err();
    // What it did before it panicked is unknown.
    let again = server.call(&call).await;
    assert_eq!((again.status, server.work.runs()), (409, 1));
    clock.advance(Duration::from_secs(31));
    server.try_call(&call).await.unwrap_err();
    assert_eq!(server.work.runs(), 2);
}

async fn after_a_panic_the_server_goes_on<S: Shell>() {
    let server = S::start(Setup::default()).await;
    for _ in 0..5 {
        server.try_call(&post("/", "panic")).await.unwrap_err();
        assert_eq!(server.call(&post("/", "one")).await.status, 201);
    }
}
