use saas_idempotency::{Backend, Policy};

use super::{App, in_both_modes};
use crate::support::{Call, post};

in_both_modes!(
    a_retry_gets_the_reply_and_the_work_runs_once,
    a_rollback_leaves_no_row_and_no_record,
    what_the_handler_decides_is_kept_though_its_transaction_is_not,
    a_server_error_is_released,
    another_body_under_the_key_is_422_and_executes_nothing,
    a_commit_that_fails_leaves_nothing_and_passes_the_error,
    without_a_key_the_work_runs_each_time,
    an_expired_record_is_absent,
    a_response_over_the_cap_leaves_a_tombstone,
);

async fn a_retry_gets_the_reply_and_the_work_runs_once<DB: Backend>(app: App<DB>) {
    let call = post("/work", "one");
    let first = app.call(&call).await;
    assert_eq!((first.status, first.body.as_str(), first.is_replayed()), (201, "\"1\"", false));
    assert_eq!(first.headers["set-cookie"], "session=1");
    for _ in 0..3 {
        let again = app.call(&call).await;
        assert_eq!((again.status, again.body.as_str(), again.is_replayed()), (201, "\"1\"", true));
        assert_eq!(again.headers["location"], "/invoices/7");
        assert!(!again.headers.contains_key("set-cookie"));
    }
    assert_eq!((app.runs(), app.effects(&call).await), (1, 1));
}

async fn a_rollback_leaves_no_row_and_no_record<DB: Backend>(app: App<DB>) {
    let call = post("/work", "answer 500");
    for run in 1..=3 {
        assert_eq!(app.call(&call).await.status, 500);
        assert_eq!((app.runs(), app.effects(&call).await), (run, 0));
    }
    // Nor does anything stand in the way of another request under the key.
    let other = Call { body: "one".into(), ..call };
    assert_eq!(app.call(&other).await.status, 201);
}

async fn what_the_handler_decides_is_kept_though_its_transaction_is_not<DB: Backend>(app: App<DB>) {
    for (run, status) in [404, 409, 422].into_iter().enumerate() {
        let call = post("/work", &format!("answer {status}"));
        let (first, again) = (app.call(&call).await, app.call(&call).await);
        assert_eq!((first.status, first.is_replayed()), (status, false));
        assert_eq!((again.status, again.is_replayed()), (status, true));
        assert_eq!(first.body, again.body);
        assert!(first.is_problem() && again.is_problem());
        assert_eq!((app.runs(), app.effects(&call).await), (run + 1, 0));
    }
}

async fn a_server_error_is_released<DB: Backend>(app: App<DB>) {
    for status in [401, 403, 408, 429, 500, 503] {
        let (call, runs) = (post("/work", &format!("answer {status}")), app.runs());
        for _ in 0..2 {
            let answer = app.call(&call).await;
            assert_eq!((answer.status, answer.is_replayed()), (status, false));
        }
        assert_eq!(app.runs(), runs + 2, "{status}");
    }
}

async fn another_body_under_the_key_is_422_and_executes_nothing<DB: Backend>(app: App<DB>) {
    let call = post("/work", "one");
    app.call(&call).await;
    let other = app.call(&Call { body: "other".into(), ..call.clone() }).await;
    assert_eq!((other.status, other.is_problem()), (422, true));
    assert!(other.body.contains("idempotency-key-reused"));
    assert_eq!((app.runs(), app.effects(&call).await), (1, 1));
    assert_eq!(app.call(&call).await.status, 201);
}

async fn a_commit_that_fails_leaves_nothing_and_passes_the_error<DB: Backend>(app: App<DB>) {
    let call = post("/work", "no commit");
    for run in 1..=2 {
        assert_eq!(app.call(&call).await.status, 500);
        assert_eq!((app.runs(), app.effects(&call).await), (run, 0));
    }
}

async fn without_a_key_the_work_runs_each_time<DB: Backend>(app: App<DB>) {
    let call = Call { key: None, ..post("/work", "one") };
    assert_eq!(app.call(&call).await.status, 400);
    for run in 1..=2 {
        let answer = app.call_with(Policy::default().optional(), &call).await;
        assert_eq!((answer.status, answer.is_replayed(), app.runs()), (201, false, run));
    }
}

async fn an_expired_record_is_absent<DB: Backend>(app: App<DB>) {
    let call = post("/work", "one");
    app.call(&call).await;
    assert!(app.call_later(86_000, &call).await.is_replayed());
    // Nobody swept it, and it is another request by then.
    let other = Call { body: "other".into(), ..call.clone() };
    let answer = app.call_later(87_000, &other).await;
    assert_eq!((answer.status, answer.is_replayed()), (201, false));
    assert!(app.call_later(87_001, &other).await.is_replayed());
    assert_eq!((app.runs(), app.effects(&call).await), (2, 2));
}

async fn a_response_over_the_cap_leaves_a_tombstone<DB: Backend>(app: App<DB>) {
    let (call, capped) = (post("/work", "long"), Policy::default().response_cap(8));
    let first = app.call_with(capped, &call).await;
    assert_eq!((first.status, first.body.as_str()), (201, "\"a long reply\""));
    let again = app.call(&call).await;
    assert_eq!((again.status, again.is_problem()), (409, true));
    assert!(again.body.contains("idempotency-response-not-kept"));
    assert_eq!((app.runs(), app.effects(&call).await), (1, 1));
}
