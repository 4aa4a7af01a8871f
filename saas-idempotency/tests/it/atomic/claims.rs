//! What a claim does to the caller's transaction, on PostgreSQL: SQLite has no such setting.

use axum::Router;
use axum::extract::State;
use axum::routing::post as on_post;
use saas_idempotency::{Claim, Error, Idempotency, Policy, Reply};
use sqlx::{PgConnection, Postgres};
use tower::ServiceExt;

use super::{App, Mode};
use crate::support::{Answer, Call, pgbouncer, post, postgres};

#[tokio::test]
async fn the_wait_ends_with_the_claim() {
    for db in [postgres().await, pgbouncer().await] {
        let app = App::new(db, Mode::Atomic);
        let (call, other) = (post("/", "one"), post("/", "other"));
        for (call, seen) in [
            (&call, "77s 77s 201"),
            (&call, "77s replay"),
            (&Call { key: call.key.clone(), scope: call.scope.clone(), ..other }, "77s reused"),
        ] {
            let router = Router::new().route("/", on_post(timeouts));
            let router = router.layer(app.layer(Policy::default())).with_state(app.clone());
            let answer = router.oneshot(call.request()).await.unwrap();
            assert_eq!(Answer::of(answer).await.body, seen);
        }
    }
}

async fn timeouts(State(app): State<App<Postgres>>, idempotency: Idempotency) -> String {
    let mut tx = app.db.pool.begin().await.unwrap();
    let set = sqlx::query("select set_config('lock_timeout', '77s', true)").persistent(false);
    set.execute(&mut *tx).await.unwrap();
    let claim = idempotency.claim(&mut *tx).await;
    let claimed = timeout(&mut tx).await;
    match claim {
        Ok(Claim::Fresh(turn)) => {
            turn.record(&mut *tx, &Reply::new(201)).await.unwrap();
            let recorded = timeout(&mut tx).await;
            tx.commit().await.unwrap();
            format!("{claimed} {recorded} 201")
        }
        Ok(Claim::Replay(_)) => format!("{claimed} replay"),
        Err(Error::Reused) => format!("{claimed} reused"),
        Err(error) => error.to_string(),
    }
}

async fn timeout(conn: &mut PgConnection) -> String {
    let shown = sqlx::query_scalar("select current_setting('lock_timeout')").persistent(false);
    shown.fetch_one(conn).await.unwrap()
}
