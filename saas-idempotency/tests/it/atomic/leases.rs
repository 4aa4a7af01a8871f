//! A claim that was committed without a reply.

use axum::extract::State;
use saas_core::Problem;
use saas_idempotency::{Backend, Error, Idempotency, Reply};

use super::{App, Mode, in_both_modes};
use crate::support::{Call, post};

in_both_modes!(a_claim_without_an_end_holds_until_its_lease_lapses);

/// Commits a claim the first time, and fails; then works.
pub(super) async fn abandon<DB: Backend>(
    State(app): State<App<DB>>,
    idempotency: Idempotency,
) -> Result<Reply, Problem> {
    let mut tx = app.db.pool.begin().await.map_err(Error::from)?;
    if app.runs() == 0 {
        app.run();
        let _ = idempotency.claim(&mut *tx).await?;
        tx.commit().await.map_err(Error::from)?;
        return Err(Problem::new(500));
    }
    let work = async |tx| {
        app.run();
        Ok::<_, Problem>((tx, Reply::new(201)))
    };
    let (tx, reply) = match app.mode {
        Mode::Atomic => {
            let (tx, reply) = idempotency.atomic(tx, work).await?;
            (Some(tx), reply)
        }
        Mode::Optimistic => idempotency.optimistic(tx, work).await?,
    };
    if let Some(tx) = tx {
        tx.commit().await.map_err(Error::from)?;
    }
    if !reply.is_replayed() {
        assert_eq!(idempotency.attempt(), 2, "after one that ended without a word");
    }
    Ok(reply)
}

async fn a_claim_without_an_end_holds_until_its_lease_lapses<DB: Backend>(app: App<DB>) {
    let call = post("/abandon", "");
    assert_eq!(app.call(&call).await.status, 500);
    let other = Call { body: "other".into(), ..call.clone() };
    assert_eq!(app.call(&call).await.status, 409);
    assert_eq!(app.call(&other).await.status, 422);
    assert_eq!(app.call_later(60, &other).await.status, 422, "lapsed, but not theirs");
    let heir = app.call_later(60, &call).await;
    assert_eq!((heir.status, heir.is_replayed(), app.runs()), (201, false, 2));
    let again = app.call_later(60, &call).await;
    assert_eq!((again.status, again.is_replayed(), app.runs()), (201, true, 2));
}
