//! An attempt beside one whose transaction is open.

use std::sync::Arc;
use std::time::Duration;

use saas_core::schema::Dialect;
use saas_idempotency::{Backend, Policy};
use tokio::sync::Semaphore;

use super::{App, Mode, in_both_modes};
use crate::support::{Call, post};

in_both_modes!(
    two_at_once_have_one_effect,
    who_waits_too_long_is_told_409_and_nothing_is_kept,
    another_body_beside_it_waits_and_is_422,
    after_a_rollback_the_one_that_waits_runs,
);

/// How many of two get to run at once.
fn beside<DB: Backend>(app: &App<DB>) -> usize {
    match (app.mode, DB::DIALECT) {
        (Mode::Optimistic, Dialect::Postgres) => 2,
        _ => 1,
    }
}

fn patient() -> Policy {
    Policy::default().wait(Duration::from_secs(20))
}

async fn two_at_once_have_one_effect<DB: Backend>(app: App<DB>) {
    let call = post("/work", "wait");
    let first = app.spawn(&patient(), &call);
    app.is_running(1).await;
    let second = app.spawn(&patient(), &call);
    app.is_running(beside(&app)).await;
    app.gate.add_permits(2);
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!((first.status, second.status), (201, 201));
    assert!(first.is_replayed() != second.is_replayed());
    assert_eq!(first.body, second.body);
    assert_eq!((app.runs(), app.effects(&call).await), (beside(&app), 1));
}

async fn who_waits_too_long_is_told_409_and_nothing_is_kept<DB: Backend>(app: App<DB>) {
    if DB::DIALECT == Dialect::Sqlite {
        return; // One lock for the whole file, bounded by its own `busy_timeout`.
    }
    let call = post("/work", "wait");
    // Holds the key, uncommitted, whatever the mode of those that come.
    let holder = App { gate: Arc::new(Semaphore::new(0)), ..app.in_mode(Mode::Atomic) };
    let first = holder.spawn(&patient(), &call);
    app.is_running(1).await;
    app.gate.add_permits(100);
    let impatient = Policy::default().wait(Duration::from_millis(50));
    // Again and again, since behind a pooler the next one may meet what the last one left.
    for _ in 0..4 {
        let second = app.call_with(impatient.clone(), &call).await;
        assert_eq!((second.status, second.is_problem()), (409, true));
        assert_eq!(second.headers["retry-after"], "1");
    }
    holder.gate.add_permits(1);
    assert_eq!(first.await.unwrap().status, 201);
    let third = app.call(&call).await;
    assert_eq!((third.status, third.is_replayed()), (201, true));
    assert_eq!(app.effects(&call).await, 1);
}

async fn another_body_beside_it_waits_and_is_422<DB: Backend>(app: App<DB>) {
    let call = post("/work", "wait");
    let first = app.spawn(&patient(), &call);
    app.is_running(1).await;
    let second = app.spawn(&patient(), &Call { body: "other".into(), ..call.clone() });
    app.is_running(beside(&app)).await;
    let (first, second) = if beside(&app) == 2 {
        // The other did not wait at the gate, and is the one that records first.
        let second = second.await.unwrap();
        app.gate.add_permits(1);
        (second, first.await.unwrap())
    } else {
        app.gate.add_permits(1);
        (first.await.unwrap(), second.await.unwrap())
    };
    assert_eq!((first.status, second.status), (201, 422));
    assert_eq!(app.effects(&call).await, 1);
}

async fn after_a_rollback_the_one_that_waits_runs<DB: Backend>(app: App<DB>) {
    let call = post("/work", "wait");
    let failing = App { gate: Arc::new(Semaphore::new(0)), ..app.clone() };
    let first = failing.spawn(&patient(), &call);
    app.is_running(1).await;
    app.gate.add_permits(1);
    let second = app.spawn(&patient(), &call);
    app.is_running(beside(&app)).await;
    failing.gate.close();
    assert_eq!(first.await.unwrap().status, 500);
    let second = second.await.unwrap();
    assert_eq!((second.status, second.is_replayed()), (201, false));
    assert_eq!((app.runs(), app.effects(&call).await), (2, 1));
}
