//! What optimistic mode alone promises.

use axum::Router;
use axum::extract::State;
use axum::routing::post as on_post;
use futures_util::future::BoxFuture;
use saas_core::Problem;
use saas_core::schema::Dialect;
use saas_idempotency::{Backend, Error, Idempotency, Policy, Reply};
use tower::ServiceExt;

use crate::atomic::{App, Mode, in_mode};
use crate::support::{Answer, Call, post};

in_mode!(
    optimistic, Optimistic:
    the_one_that_records_second_leaves_nothing,
    an_answer_that_met_the_winners_rows_gives_way_to_the_winners,
    without_a_transaction_it_is_refused,
    outside_atomic_mode_it_is_refused,
);

async fn the_one_that_records_second_leaves_nothing<DB: Backend>(app: App<DB>) {
    if DB::DIALECT == Dialect::Sqlite {
        return; // One writer at a time: the second looks when the first is done.
    }
    let slow = post("/work", "wait");
    let first = app.spawn(&Policy::default(), &slow);
    let second = app.spawn(&Policy::default(), &slow);
    app.is_running(2).await;
    app.gate.add_permits(1);
    app.gate.add_permits(1);
    let answers = [first.await.unwrap(), second.await.unwrap()];
    assert_eq!(answers.iter().filter(|answer| answer.is_replayed()).count(), 1, "{answers:?}");
    assert_eq!((app.runs(), app.effects(&slow).await), (2, 1));
    assert!(app.call(&slow).await.is_replayed());
    assert_eq!(app.runs(), 2, "and now it looks first");
}

async fn an_answer_that_met_the_winners_rows_gives_way_to_the_winners<DB: Backend>(app: App<DB>) {
    if DB::DIALECT == Dialect::Sqlite {
        return; // Likewise.
    }
    let call = post("/", "");
    let answer = overtaken(&app, &call).await;
    assert_eq!((answer.status, answer.body.as_str(), answer.is_replayed()), (201, "winner", true));
    assert_eq!(app.runs(), 2);
}

/// Boxed, since it calls itself.
fn overtaken<'a, DB: Backend>(app: &'a App<DB>, call: &'a Call) -> BoxFuture<'a, Answer> {
    Box::pin(async move {
        let router = Router::new()
            .route("/", on_post(overtake::<DB>))
            .layer(app.layer(Policy::default()))
            .with_state((app.clone(), call.clone()));
        Answer::of(router.oneshot(call.request()).await.unwrap()).await
    })
}

/// Sees to it that the request is executed elsewhere while it runs, the first time.
async fn overtake<DB: Backend>(
    State((app, call)): State<(App<DB>, Call)>,
    idempotency: Idempotency,
) -> Result<Reply, Problem> {
    let tx = app.db.pool.begin().await.map_err(Error::from)?;
    let work = async |tx: sqlx::Transaction<'static, DB>| {
        app.run();
        if app.runs() == 1 {
            assert_eq!(overtaken(&app, &call).await.body, "winner");
            return Err(Problem::new(409).detail("there is a row of that name"));
        }
        Ok((tx, Reply::new(201).with_body("winner")))
    };
    let (tx, reply) = idempotency.optimistic(tx, work).await?;
    if let Some(tx) = tx {
        tx.commit().await.map_err(Error::from)?;
    }
    Ok(reply)
}

async fn without_a_transaction_it_is_refused<DB: Backend>(app: App<DB>) {
    let call = post("/", "");
    let router = Router::new()
        .route("/", on_post(bare::<DB>))
        .layer(app.layer(Policy::default()))
        .with_state(app.clone());
    let answer = Answer::of(router.oneshot(call.request()).await.unwrap()).await;
    assert_eq!((answer.status, app.runs()), (500, 0));
}

async fn bare<DB: Backend>(
    State(app): State<App<DB>>,
    idempotency: Idempotency,
) -> Result<Reply, Error> {
    let conn = Conn(app.db.pool.acquire().await?);
    let work = async |conn: Conn<DB>| {
        app.run();
        Ok::<_, Error>((conn, Reply::new(201)))
    };
    idempotency.optimistic(conn, work).await.map(|(_, reply)| reply)
}

/// A connection in no transaction.
struct Conn<DB: Backend>(sqlx::pool::PoolConnection<DB>);

impl<DB: Backend> AsMut<DB::Connection> for Conn<DB> {
    fn as_mut(&mut self) -> &mut DB::Connection {
        &mut self.0
    }
}

async fn outside_atomic_mode_it_is_refused<DB: Backend>(app: App<DB>) {
    let call = post("/work", "one");
    let layer = saas_idempotency::IdempotencyLayer::new(app.db.store());
    let answer = app.route(layer.statements(app.db.statements), &call).await;
    assert_eq!((answer.status, app.runs()), (500, 0));
    let atomic = app.in_mode(Mode::Atomic);
    let layer = saas_idempotency::IdempotencyLayer::new(app.db.store());
    let answer = atomic.route(layer.statements(app.db.statements), &call).await;
    assert_eq!((answer.status, app.runs()), (500, 0));
}
