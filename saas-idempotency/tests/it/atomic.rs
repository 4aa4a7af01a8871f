//! Atomic and optimistic mode behind the layer, in axum: the record and the business rows are one
//! transaction. Where their rules are equal, one test states them for both.

mod by_hand;
mod claims;
mod leases;
mod levels;
mod races;
mod rules;
mod waits;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post as on_post;
use chrono::Utc;
use saas_core::{ManualClock, Problem};
use saas_idempotency::{Backend, Idempotency, IdempotencyLayer, Policy, Reply};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::support::{Answer, Call, Db};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Atomic,
    Optimistic,
}

/// Instances of generic tests, one for each database.
macro_rules! in_mode {
    ($module:ident, $mode:ident: $($name:ident),* $(,)?) => {
        mod $module {
            $(async fn $name<DB: saas_idempotency::Backend>(db: $crate::support::Db<DB>) {
                super::$name($crate::atomic::App::new(db, $crate::atomic::Mode::$mode)).await
            })*
            $crate::on_every_database!($($name),*);
        }
    };
}

/// The same for each mode.
macro_rules! in_both_modes {
    ($($name:ident),* $(,)?) => {
        $crate::atomic::in_mode!(atomic, Atomic: $($name),*);
        $crate::atomic::in_mode!(optimistic, Optimistic: $($name),*);
    };
}

pub(crate) use {in_both_modes, in_mode};

pub(crate) struct App<DB: Backend> {
    pub(crate) db: Db<DB>,
    pub(crate) mode: Mode,
    /// How its transactions begin.
    pub(crate) begin: &'static str,
    runs: Arc<AtomicUsize>,
    /// Lets work proceed that waits inside its transaction.
    pub(crate) gate: Arc<Semaphore>,
}

impl<DB: Backend> Clone for App<DB> {
    fn clone(&self) -> Self {
        let (runs, gate) = (self.runs.clone(), self.gate.clone());
        Self { db: self.db.clone(), runs, gate, ..*self }
    }
}

impl<DB: Backend> App<DB> {
    pub(crate) fn new(db: Db<DB>, mode: Mode) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        Self { db, mode, begin: "begin", runs: Arc::default(), gate }
    }

    pub(crate) fn in_mode(&self, mode: Mode) -> Self {
        Self { mode, ..self.clone() }
    }

    pub(crate) fn layer(&self, policy: Policy) -> IdempotencyLayer {
        let layer = IdempotencyLayer::new(self.db.store()).policy(policy);
        layer.statements(self.db.statements).atomic()
    }

    pub(crate) async fn call(&self, call: &Call) -> Answer {
        self.call_with(Policy::default(), call).await
    }

    /// Under a layer of its own, as if every call came to another process: what keeps two apart is
    /// the database alone.
    pub(crate) async fn call_with(&self, policy: Policy, call: &Call) -> Answer {
        self.route(self.layer(policy), call).await
    }

    /// The same after a while.
    pub(crate) async fn call_later(&self, seconds: u64, call: &Call) -> Answer {
        let clock = ManualClock::at(Utc::now() + Duration::from_secs(seconds));
        self.route(self.layer(Policy::default()).clock(clock), call).await
    }

    pub(crate) async fn route(&self, layer: IdempotencyLayer, call: &Call) -> Answer {
        let router = Router::new()
            .route("/work", on_post(work::<DB>))
            .route("/by-hand", on_post(by_hand::by_hand::<DB>))
            .route("/careless", on_post(by_hand::careless::<DB>))
            .route("/abandon", on_post(leases::abandon::<DB>))
            .layer(layer)
            .with_state(self.clone());
        Answer::of(router.oneshot(call.request()).await.unwrap()).await
    }

    pub(crate) fn spawn(&self, policy: &Policy, call: &Call) -> tokio::task::JoinHandle<Answer> {
        let (app, policy, call) = (self.clone(), policy.clone(), call.clone());
        tokio::spawn(async move { app.call_with(policy, &call).await })
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    pub(crate) fn run(&self) {
        self.runs.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) async fn is_running(&self, runs: usize) {
        while self.runs() < runs {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn insert(
        &self,
        conn: &mut DB::Connection,
        request: &str,
    ) -> Result<(), Problem> {
        self.run();
        self.db.insert(conn, request).await
    }

    /// How many rows the requests under this key left behind.
    pub(crate) async fn effects(&self, call: &Call) -> usize {
        self.db.effects(&name(call.key.as_deref().unwrap())).await
    }
}

fn name(key: &str) -> String {
    format!("request {key}")
}

/// Leaves a row that names the request, and then does what its body says.
async fn work<DB: Backend>(
    State(app): State<App<DB>>,
    idempotency: Idempotency,
    headers: http::HeaderMap,
    body: String,
) -> Result<Response, Problem> {
    let request =
        headers.get("idempotency-key").map_or("none".into(), |key| name(key.to_str().unwrap()));
    let tx = app.db.pool.begin_with(app.begin).await.map_err(|_| Problem::new(503))?;
    let work = async |mut tx: sqlx::Transaction<'static, DB>| {
        app.insert(tx.as_mut(), &request).await?;
        match body.split(' ').next().unwrap() {
            // A gate that was closed is a failure.
            "wait" => app.gate.acquire().await.map_err(|_| Problem::new(500))?.forget(),
            "answer" => {
                let status = body["answer ".len()..].parse().unwrap();
                return Err(Problem::new(status).detail("the handler's own"));
            }
            _ => {}
        }
        let runs = app.runs().to_string();
        let reply = Reply::json(201, if body == "long" { "a long reply" } else { &runs })?
            .header("location", "/invoices/7")
            .header("set-cookie", "session=1");
        Ok::<_, Problem>((tx, reply))
    };
    let (tx, reply) = match app.mode {
        Mode::Atomic => {
            let (tx, reply) = idempotency.atomic(tx, work).await?;
            (Some(tx), reply)
        }
        Mode::Optimistic => idempotency.optimistic(tx, work).await?,
    };
    if body == "no commit" {
        return Err(Problem::new(500));
    }
    if let Some(tx) = tx {
        tx.commit().await.map_err(|_| Problem::new(503))?;
    }
    Ok(reply.into_response())
}
