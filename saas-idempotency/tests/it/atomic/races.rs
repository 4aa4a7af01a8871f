//! Twelve at once, each as if from another process.

use std::time::Duration;

use futures_util::future::join_all;
use saas_idempotency::{Backend, Policy};

use super::{App, Mode, in_both_modes};
use crate::support::{Answer, Call, post};

in_both_modes!(
    twelve_at_once_have_one_effect,
    twelve_at_once_have_one_effect_for_five_hundred_rounds_slow,
    twelve_at_once_take_a_lapsed_claim_over_once,
);

async fn twelve<DB: Backend>(app: &App<DB>, call: &Call) -> Vec<Answer> {
    let policy = Policy::default().wait(Duration::from_secs(20));
    let calls = (0..12).map(|_| app.spawn(&policy, call));
    join_all(calls).await.into_iter().map(Result::unwrap).collect()
}

async fn round<DB: Backend>(app: &App<DB>) {
    let (call, runs) = (post("/work", "race"), app.runs());
    let answers = twelve(app, &call).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| !answer.is_replayed()).count(), 1);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(app.effects(&call).await, 1);
    let ran = app.runs() - runs;
    match app.mode {
        Mode::Atomic => assert_eq!(ran, 1),
        Mode::Optimistic => assert!((1..=12).contains(&ran), "{ran}"),
    }
}

async fn twelve_at_once_have_one_effect<DB: Backend>(app: App<DB>) {
    for _ in 0..10 {
        round(&app).await;
    }
}

async fn twelve_at_once_have_one_effect_for_five_hundred_rounds_slow<DB: Backend>(app: App<DB>) {
    for _ in 0..500 {
        round(&app).await;
    }
}

async fn twelve_at_once_take_a_lapsed_claim_over_once<DB: Backend>(app: App<DB>) {
    for _ in 0..5 {
        let app = App::new(app.db.clone(), app.mode);
        let call = post("/abandon", "");
        assert_eq!(app.call(&call).await.status, 500);
        let answers = join_all((0..12).map(|_| app.call_later(60, &call))).await;
        assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| !answer.is_replayed()).count(), 1);
    }
}
