//! Atomic mode behind the layer, in axum: the record and the business rows are one transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post as on_post;
use futures_util::future::join_all;
use saas_core::Problem;
use saas_idempotency::{Backend, Claim, Error, Idempotency, IdempotencyLayer, Policy, Reply};
use sqlx::QueryBuilder;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::on_every_database;
use crate::support::{Answer, Call, Db, post};

on_every_database!(
    a_retry_gets_the_reply_and_the_work_runs_once,
    the_two_calls_by_hand_do_the_same,
    a_rollback_leaves_no_row_and_no_record,
    what_the_handler_decides_is_kept_though_its_transaction_is_not,
    a_server_error_is_released,
    another_body_under_the_key_is_422_and_executes_nothing,
    two_at_once_execute_once,
    twelve_at_once_execute_once_for_a_hundred_rounds_slow,
    who_waits_too_long_is_told_409_and_nothing_is_kept,
    a_commit_that_fails_leaves_nothing_and_passes_the_error,
    success_without_a_record_is_recorded_afterwards,
    a_commit_without_a_record_is_recorded_afterwards,
    without_a_key_the_work_runs_each_time,
    the_wait_ends_with_the_claim,
);

struct App<DB: Backend> {
    db: Db<DB>,
    runs: Arc<AtomicUsize>,
    /// Lets work proceed that waits inside its transaction.
    gate: Arc<Semaphore>,
}

impl<DB: Backend> Clone for App<DB> {
    fn clone(&self) -> Self {
        Self { db: self.db.clone(), runs: self.runs.clone(), gate: self.gate.clone() }
    }
}

impl<DB: Backend> App<DB> {
    fn new(db: Db<DB>) -> Self {
        Self { db, runs: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    fn router(&self, policy: Policy) -> Router {
        let layer = IdempotencyLayer::new(self.db.store())
            .policy(policy)
            .statements(self.db.statements)
            .atomic();
        Router::new()
            .route("/work", on_post(work::<DB>))
            .route("/by-hand", on_post(by_hand::<DB>))
            .route("/careless", on_post(careless::<DB>))
            .layer(layer)
            .with_state(self.clone())
    }

    async fn call(&self, call: &Call) -> Answer {
        self.call_with(Policy::default(), call).await
    }

    async fn call_with(&self, policy: Policy, call: &Call) -> Answer {
        Answer::of(self.router(policy).oneshot(call.request()).await.unwrap()).await
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    async fn insert(&self, conn: &mut DB::Connection, request: &str) -> Result<(), Problem> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let mut query = QueryBuilder::<DB>::new("insert into effects (request) values (");
        DB::push_bind(&mut query, &request.to_owned());
        query.push(")");
        DB::execute(conn, query, self.db.statements).await.map(drop).map_err(|_| Problem::new(503))
    }

    /// How many rows the requests under this key left behind.
    async fn effects(&self, call: &Call) -> usize {
        let mut tx = self.db.pool.begin().await.unwrap();
        let mut query = QueryBuilder::<DB>::new("select 1 from effects where request = ");
        DB::push_bind(&mut query, &name(call.key.as_deref().unwrap()));
        DB::fetch_all(&mut tx, query, self.db.statements).await.unwrap().len()
    }
}

fn name(key: &str) -> String {
    format!("request {key}")
}

async fn work<DB: Backend>(
    State(app): State<App<DB>>,
    idempotency: Idempotency,
    headers: http::HeaderMap,
    body: String,
) -> Result<Response, Problem> {
    let request =
        headers.get("idempotency-key").map_or("none".into(), |key| name(key.to_str().unwrap()));
    let tx = app.db.pool.begin().await.map_err(|_| Problem::new(503))?;
    let (tx, reply) = idempotency
        .atomic(tx, async |mut tx| {
            app.insert(tx.as_mut(), &request).await?;
            match body.split(' ').next().unwrap() {
                "wait" => app.gate.acquire().await.unwrap().forget(),
                "answer" => {
                    let status = body["answer ".len()..].parse().unwrap();
                    return Err(Problem::new(status).detail("the handler's own"));
                }
                _ => {}
            }
            let reply = Reply::json(201, &app.runs())?
                .header("location", "/invoices/7")
                .header("set-cookie", "session=1");
            Ok::<_, Problem>((tx, reply))
        })
        .await?;
    if body == "no commit" {
        return Err(Problem::new(500));
    }
    tx.commit().await.map_err(|_| Problem::new(500))?;
    Ok(reply.into_response())
}

async fn by_hand<DB: Backend>(
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
async fn careless<DB: Backend>(
    State(app): State<App<DB>>,
    idempotency: Idempotency,
    body: String,
) -> Result<&'static str, Error> {
    app.runs.fetch_add(1, Ordering::SeqCst);
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

async fn a_retry_gets_the_reply_and_the_work_runs_once<DB: Backend>(db: Db<DB>) {
    let (app, call) = (App::new(db), post("/work", "one"));
    let first = app.call(&call).await;
    assert_eq!((first.status, first.body.as_str(), first.is_replayed()), (201, "1", false));
    assert_eq!(first.headers["set-cookie"], "session=1");
    for _ in 0..3 {
        let again = app.call(&call).await;
        assert_eq!((again.status, again.body.as_str(), again.is_replayed()), (201, "1", true));
        assert_eq!(again.headers["location"], "/invoices/7");
        assert!(!again.headers.contains_key("set-cookie"));
    }
    assert_eq!((app.runs(), app.effects(&call).await), (1, 1));
}

async fn the_two_calls_by_hand_do_the_same<DB: Backend>(db: Db<DB>) {
    let (app, call) = (App::new(db), post("/by-hand", ""));
    let (first, again) = (app.call(&call).await, app.call(&call).await);
    assert_eq!((first.status, first.is_replayed()), (202, false));
    assert_eq!((again.status, again.is_replayed()), (202, true));
    assert_eq!(first.body, again.body);
    assert_eq!((app.runs(), app.effects(&call).await), (1, 1));
}

async fn a_rollback_leaves_no_row_and_no_record<DB: Backend>(db: Db<DB>) {
    let (app, call) = (App::new(db), post("/work", "answer 500"));
    for run in 1..=3 {
        assert_eq!(app.call(&call).await.status, 500);
        assert_eq!((app.runs(), app.effects(&call).await), (run, 0));
    }
    // Nor does anything stand in the way of another request under the key.
    let other = Call { body: "one".into(), ..call };
    assert_eq!(app.call(&other).await.status, 201);
}

async fn what_the_handler_decides_is_kept_though_its_transaction_is_not<DB: Backend>(db: Db<DB>) {
    let app = App::new(db);
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

async fn a_server_error_is_released<DB: Backend>(db: Db<DB>) {
    let app = App::new(db);
    for status in [401, 403, 408, 429, 500, 503] {
        let (call, runs) = (post("/work", &format!("answer {status}")), app.runs());
        for _ in 0..2 {
            let answer = app.call(&call).await;
            assert_eq!((answer.status, answer.is_replayed()), (status, false));
        }
        assert_eq!(app.runs(), runs + 2, "{status}");
    }
}

async fn another_body_under_the_key_is_422_and_executes_nothing<DB: Backend>(db: Db<DB>) {
    let (app, call) = (App::new(db), post("/work", "one"));
    app.call(&call).await;
    let other = app.call(&Call { body: "other".into(), ..call.clone() }).await;
    assert_eq!((other.status, other.is_problem()), (422, true));
    assert!(other.body.contains("idempotency-key-reused"));
    assert_eq!((app.runs(), app.effects(&call).await), (1, 1));
    assert_eq!(app.call(&call).await.status, 201);
}

async fn two_at_once_execute_once<DB: Backend>(db: Db<DB>) {
    let (app, call) = (App::new(db), post("/work", "wait"));
    let policy = || Policy::default().wait(Duration::from_secs(20));
    let first = tokio::spawn({
        let (app, call) = (app.clone(), call.clone());
        async move { app.call_with(policy(), &call).await }
    });
    while app.runs() == 0 {
        tokio::task::yield_now().await;
    }
    let second = tokio::spawn({
        let (app, call) = (app.clone(), call.clone());
        async move { app.call_with(policy(), &call).await }
    });
    app.gate.add_permits(1);
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!((first.status, first.is_replayed()), (201, false));
    assert_eq!((second.status, second.is_replayed()), (201, true));
    assert_eq!((app.runs(), app.effects(&call).await), (1, 1));
}

async fn twelve_at_once_execute_once_for_a_hundred_rounds_slow<DB: Backend>(db: Db<DB>) {
    let app = App::new(db);
    let policy = Policy::default().wait(Duration::from_secs(20));
    for round in 1..=100 {
        let call = post("/work", "race");
        let calls = (0..12).map(|_| {
            let (app, call, policy) = (app.clone(), call.clone(), policy.clone());
            tokio::spawn(async move { app.call_with(policy, &call).await })
        });
        let answers = join_all(calls).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| !answer.is_replayed()).count(), 1);
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));
        assert_eq!((app.runs(), app.effects(&call).await), (round, 1));
    }
}

async fn who_waits_too_long_is_told_409_and_nothing_is_kept<DB: Backend>(db: Db<DB>) {
    if DB::DIALECT == saas_core::schema::Dialect::Sqlite {
        return; // One lock for the whole file, bounded by its own `busy_timeout`.
    }
    let (app, call) = (App::new(db), post("/work", "wait"));
    let first = tokio::spawn({
        let (app, call) = (app.clone(), call.clone());
        async move { app.call(&call).await }
    });
    while app.runs() == 0 {
        tokio::task::yield_now().await;
    }
    let impatient = Policy::default().wait(Duration::from_millis(50));
    let second = app.call_with(impatient, &call).await;
    assert_eq!((second.status, second.is_problem()), (409, true));
    assert_eq!(second.headers["retry-after"], "1");
    app.gate.add_permits(1);
    assert_eq!(first.await.unwrap().status, 201);
    let third = app.call(&call).await;
    assert_eq!((third.status, third.is_replayed()), (201, true));
    assert_eq!((app.runs(), app.effects(&call).await), (1, 1));
}

async fn a_commit_that_fails_leaves_nothing_and_passes_the_error<DB: Backend>(db: Db<DB>) {
    let (app, call) = (App::new(db), post("/work", "no commit"));
    for run in 1..=2 {
        assert_eq!(app.call(&call).await.status, 500);
        assert_eq!((app.runs(), app.effects(&call).await), (run, 0));
    }
}

async fn success_without_a_record_is_recorded_afterwards<DB: Backend>(db: Db<DB>) {
    let (app, call) = (App::new(db), post("/careless", ""));
    let (first, again) = (app.call(&call).await, app.call(&call).await);
    assert_eq!((first.status, again.status), (200, 200));
    // The handler runs, since it never claims; what it answers cannot change any more.
    assert!(!first.is_replayed() && again.is_replayed());
}

async fn a_commit_without_a_record_is_recorded_afterwards<DB: Backend>(db: Db<DB>) {
    let (app, call) = (App::new(db), post("/careless", "claim"));
    assert_eq!(app.call(&call).await.status, 200);
    assert_eq!(app.call(&call).await.status, 500, "the claim now finds the reply");
}

async fn without_a_key_the_work_runs_each_time<DB: Backend>(db: Db<DB>) {
    let (app, call) = (App::new(db), Call { key: None, ..post("/work", "one") });
    assert_eq!(app.call(&call).await.status, 400);
    for run in 1..=2 {
        let answer = app.call_with(Policy::default().optional(), &call).await;
        assert_eq!((answer.status, answer.is_replayed(), app.runs()), (201, false, run));
    }
}

async fn the_wait_ends_with_the_claim<DB: Backend>(db: Db<DB>) {
    if DB::DIALECT == saas_core::schema::Dialect::Sqlite {
        return; // There is no such setting.
    }
    let app = App::new(db);
    let layer = IdempotencyLayer::new(app.db.store()).statements(app.db.statements).atomic();
    let before = Router::new()
        .route("/work", on_post(lock_timeout::<DB>))
        .layer(layer)
        .with_state(app.clone());
    let answer = before.oneshot(post("/work", "").request()).await.unwrap();
    assert_eq!(Answer::of(answer).await.body, "\"77s 77s\"");
}

async fn lock_timeout<DB: Backend>(
    State(app): State<App<DB>>,
    idempotency: Idempotency,
) -> Result<Reply, Error> {
    let mut tx = app.db.pool.begin().await?;
    let set = QueryBuilder::new("select set_config('lock_timeout', '77s', true)");
    DB::execute(&mut tx, set, app.db.statements).await?;
    let Claim::Fresh(turn) = idempotency.claim(&mut *tx).await? else {
        return Err(Error::Misuse("fresh"));
    };
    let mut seen = Vec::new();
    for _ in 0..2 {
        let rows = DB::fetch_all(
            &mut tx,
            QueryBuilder::new("select 1 where current_setting('lock_timeout') = '77s'"),
            app.db.statements,
        )
        .await?;
        seen.push(if rows.len() == 1 { "77s" } else { "other" });
    }
    let reply = Reply::json(200, &seen.join(" "))?;
    turn.record(&mut *tx, &reply).await?;
    Ok(reply)
}
