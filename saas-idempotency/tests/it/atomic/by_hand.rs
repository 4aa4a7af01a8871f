//! Handlers that claim and record in two calls, or forget to.

use axum::extract::State;
use saas_idempotency::{Backend, Claim, Error, Idempotency, Reply};

use super::{App, in_mode, name};
use crate::support::post;

in_mode!(
    atomic, Atomic:
    the_two_calls_by_hand_do_the_same,
    success_without_a_claim_is_an_error_at_the_latest_when_it_is_repeated,
    a_commit_without_a_record_is_recorded_afterwards,
    what_a_task_claims_after_the_answer_is_an_error,
);

pub(super) async fn by_hand<DB: Backend>(
    State(app): State<App<DB>>,
    idempotency: Idempotency,
    headers: http::HeaderMap,
) -> Result<Reply, Error> {
    let mut tx = app.db.pool.begin().await?;
    let turn = match idempotency.claim(&mut *tx).await? {
        Claim::Replay(reply) => return Ok(reply),
        Claim::Fresh(turn) => turn,
    };
    let request = name(headers["idempotency-key"].to_str().unwrap());
    app.insert(&mut tx, &request).await.map_err(|_| Error::Misuse("no row"))?;
    let reply = Reply::json(202, "by hand")?;
    turn.record(&mut *tx, &reply).await?;
    tx.commit().await?;
    Ok(reply)
}

/// Claims, where asked to, and commits without recording its reply.
pub(super) async fn careless<DB: Backend>(
    State(app): State<App<DB>>,
    idempotency: Idempotency,
    body: String,
) -> Result<&'static str, Error> {
    app.run();
    if body == "task" {
        let (app, idempotency) = (app.clone(), idempotency.clone());
        tokio::spawn(async move {
            // Once the answer is recorded.
            app.gate.acquire().await.unwrap().forget();
            let mut conn = app.db.pool.acquire().await.unwrap();
            let claim = idempotency.claim(&mut *conn).await;
            assert!(matches!(claim, Err(Error::Misuse(_))), "{claim:?}");
            app.run();
        });
    }
    if body == "claim" {
        let mut tx = app.db.pool.begin().await?;
        let claim = idempotency.claim(&mut *tx).await?;
        tx.commit().await?;
        if let Claim::Replay(_) = claim {
            return Err(Error::Misuse("a replay was not expected here"));
        }
    }
    Ok("careless")
}

async fn the_two_calls_by_hand_do_the_same<DB: Backend>(app: App<DB>) {
    let call = post("/by-hand", "");
    let (first, again) = (app.call(&call).await, app.call(&call).await);
    assert_eq!((first.status, first.is_replayed()), (202, false));
    assert_eq!((again.status, again.is_replayed()), (202, true));
    assert_eq!(first.body, again.body);
    assert_eq!((app.runs(), app.effects(&call).await), (1, 1));
}

async fn success_without_a_claim_is_an_error_at_the_latest_when_it_is_repeated<DB: Backend>(
    app: App<DB>,
) {
    let call = post("/careless", "");
    let (first, again) = (app.call(&call).await, app.call(&call).await);
    // The handler runs again, since it never claims; that is told, and not passed off as a replay.
    assert_eq!((first.status, again.status), (200, 500));
    assert!(!first.is_replayed() && !again.is_replayed());
}

async fn a_commit_without_a_record_is_recorded_afterwards<DB: Backend>(app: App<DB>) {
    let call = post("/careless", "claim");
    assert_eq!(app.call(&call).await.status, 200);
    assert_eq!(app.call(&call).await.status, 500, "the claim now finds the reply");
}

async fn what_a_task_claims_after_the_answer_is_an_error<DB: Backend>(app: App<DB>) {
    assert_eq!(app.call(&post("/careless", "task")).await.status, 200);
    app.gate.add_permits(1);
    app.is_running(2).await;
}
