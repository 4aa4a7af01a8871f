//! The jobs that tests run, and what they note.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use saas_core::TenantId;
use saas_core::sql::Statements;
use saas_jobs::{
    Backend, Backoff, BoxError, Job, JobContext, JobId, JobResult, Options, Outcome, Policy, Run,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Pool;
use tokio::sync::Semaphore;

use crate::site::effect;

/// The context of every handler here.
pub(crate) struct App<DB: Backend> {
    pub(crate) pool: Pool<DB>,
    pub(crate) how: Statements,
    pub(crate) notes: Arc<Notes>,
}

pub(crate) struct Notes {
    /// Runs by job, in order.
    pub(crate) runs: Mutex<Vec<(JobId, u16, Option<TenantId>)>>,
    pub(crate) running: Mutex<HashMap<JobId, usize>>,
    pub(crate) overlaps: Mutex<usize>,
    pub(crate) errors: Mutex<Vec<String>>,
    /// Held handlers wait for a permit.
    pub(crate) gate: Semaphore,
}

impl Default for Notes {
    fn default() -> Self {
        let (runs, running, overlaps, errors) = Default::default();
        Self { runs, running, overlaps, errors, gate: Semaphore::new(0) }
    }
}

impl<DB: Backend> App<DB> {
    pub(crate) fn new(pool: &Pool<DB>, queue: &saas_jobs::Queue<DB>) -> Self {
        let how = if format!("{queue:?}").contains("Unnamed") {
            Statements::Unnamed
        } else {
            Statements::Named
        };
        Self { pool: pool.clone(), how, notes: Arc::default() }
    }

    pub(crate) fn runs(&self) -> Vec<(JobId, u16, Option<TenantId>)> {
        self.notes.runs.lock().unwrap().clone()
    }

    fn begin(&self, cx: &JobContext<'_, Self>) {
        self.notes.runs.lock().unwrap().push((cx.job_id(), cx.attempt(), cx.tenant()));
    }
}

impl<DB: Backend> Clone for App<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), how: self.how, notes: Arc::clone(&self.notes) }
    }
}

/// Does what it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Act {
    Done,
    Sleep(u64),
    Fail,
    FailOnce,
    Panic,
    Snooze,
    Cancel,
    Dead,
    /// Waits for the gate.
    Hold,
    /// Takes longer than it may.
    Overrun,
    /// Completes in a transaction with an effect of this note.
    Complete(String),
    /// Waits for the gate, then completes so.
    HoldComplete(String),
    /// Completes and rolls back the first time.
    RollBack(String),
    /// Completes, commits, and then fails.
    CompleteAndFail(String),
    /// Waits until it is told to come to an end, and fails.
    WaitForStop,
    /// Waits until it is told to come to an end, and succeeds.
    EndOnStop,
}

impl Job for Act {
    const KIND: &'static str = "act";
    fn policy() -> Policy {
        let backoff = Backoff::new(Duration::from_secs(10)).jitter(0.0);
        Policy::new().backoff(backoff).timeout(Duration::from_secs(8))
    }
}

impl<DB: Backend> Run<App<DB>> for Act {
    async fn run(self, cx: JobContext<'_, App<DB>>) -> JobResult {
        let app = cx.context();
        app.begin(&cx);
        match self {
            Self::Done => Ok(Outcome::done()),
            Self::Sleep(millis) => {
                let running = || app.notes.running.lock().unwrap();
                *running().entry(cx.job_id()).or_insert(0) += 1;
                if running()[&cx.job_id()] > 1 {
                    *app.notes.overlaps.lock().unwrap() += 1;
                }
                tokio::time::sleep(Duration::from_millis(millis)).await;
                *running().entry(cx.job_id()).or_insert(0) -= 1;
                Ok(Outcome::done())
            }
            Self::Fail => Err("it is broken".into()),
            Self::FailOnce if cx.attempt() == 1 => Ok(Outcome::retry("not the first time\0")),
            Self::FailOnce => Ok(Outcome::done()),
            Self::Panic => panic!("out of order"),
            Self::Snooze if app.runs().len() == 1 => Ok(Outcome::snooze(Duration::from_secs(60))),
            Self::Snooze => Ok(Outcome::done()),
            Self::Cancel => Ok(Outcome::cancel("nobody wants it")),
            Self::Dead => Ok(Outcome::dead("it makes no sense")),
            Self::Hold => {
                app.notes.gate.acquire().await?.forget();
                Ok(Outcome::done())
            }
            Self::Overrun => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                Ok(Outcome::done())
            }
            Self::Complete(note) => complete(&cx, &note).await,
            Self::HoldComplete(note) => {
                app.notes.gate.acquire().await?.forget();
                complete(&cx, &note).await
            }
            Self::RollBack(note) => {
                if cx.attempt() > 1 {
                    return complete(&cx, &note).await;
                }
                let mut tx = app.pool.begin().await?;
                effect::<DB>(&mut tx, cx.job_id(), &note, app.how).await?;
                let receipt = cx.complete(&mut *tx).await?;
                drop(tx);
                Ok(Outcome::completed(receipt))
            }
            Self::CompleteAndFail(note) => {
                let _ = complete(&cx, &note).await?;
                Err("too late".into())
            }
            Self::EndOnStop => {
                cx.cancelled().await;
                Ok(Outcome::done())
            }
            Self::WaitForStop => {
                cx.cancelled().await;
                assert!(cx.is_cancelled());
                Ok(Outcome::retry_in(Duration::ZERO, "told to stop"))
            }
        }
    }
}

async fn complete<DB: Backend>(cx: &JobContext<'_, App<DB>>, note: &str) -> JobResult {
    let app = cx.context();
    let mut tx = app.pool.begin().await?;
    effect::<DB>(&mut tx, cx.job_id(), note, app.how).await?;
    match cx.complete(&mut *tx).await {
        Ok(receipt) => {
            tx.commit().await?;
            Ok(Outcome::completed(receipt))
        }
        Err(error) => {
            app.notes.errors.lock().unwrap().push(error.to_string());
            // A careless handler: the database must not let it.
            let _ = tx.commit().await;
            Err(error.into())
        }
    }
}

/// Gives up after little time.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Brief;

impl Job for Brief {
    const KIND: &'static str = "brief";
    fn policy() -> Policy {
        Policy::new()
            .timeout(Duration::from_millis(50))
            .backoff(Backoff::constant(Duration::from_secs(3)))
    }
    fn options() -> Options {
        Options::new().max_attempts(2)
    }
}

impl<DB: Backend> Run<App<DB>> for Brief {
    async fn run(self, _: JobContext<'_, App<DB>>) -> JobResult {
        std::future::pending().await
    }
}

/// A kind as an older release knew it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GreetV1 {
    pub(crate) name: String,
}

impl Job for GreetV1 {
    const KIND: &'static str = "greet";
}

impl<DB: Backend> Run<App<DB>> for GreetV1 {
    async fn run(self, cx: JobContext<'_, App<DB>>) -> JobResult {
        cx.context().begin(&cx);
        Ok(Outcome::done())
    }
}

/// The same kind today.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GreetV2 {
    pub(crate) names: Vec<String>,
}

impl Job for GreetV2 {
    const KIND: &'static str = "greet";
    const VERSION: i16 = 2;
    fn upcast(_: i16, mut args: Value) -> Result<Value, BoxError> {
        let name = args["name"].take();
        if name == "nobody" {
            return Err("nobody cannot be greeted".into());
        }
        Ok(serde_json::json!({ "names": [name] }))
    }
}

impl<DB: Backend> Run<App<DB>> for GreetV2 {
    async fn run(self, cx: JobContext<'_, App<DB>>) -> JobResult {
        cx.context().begin(&cx);
        if self.names == ["Ada"] { Ok(Outcome::done()) } else { Ok(Outcome::dead("not upcast")) }
    }
}
