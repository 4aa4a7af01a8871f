//! What the queue costs, each figure beside the statements of the same tables by hand.

mod backlog;
mod by_hand;
mod cpu;
mod drain;
mod enqueue;
mod fairness;
mod latency;
mod pinned;
mod retention;
mod site;
mod sqlite;
mod starts;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use saas_jobs::{Job, JobContext, JobResult, Outcome, Run};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use self::site::Site;
use crate::{Result, Size};

/// How many jobs are stored at once.
const CHUNK: usize = 1000;

/// In this order; each in a database of its own, so that none finds what another left behind.
pub(crate) const PARTS: [&str; 8] = [
    "jobs/enqueue",
    "jobs/drain",
    "jobs/pinned",
    "jobs/retention",
    "jobs/fairness",
    "jobs/latency",
    "jobs/backlog",
    "jobs/sqlite",
];

pub(crate) async fn run(part: &str, size: Size) -> Result<()> {
    match part {
        "jobs/backlog" => {
            return backlog::run(size.pick(&[10_000, 100_000, 1_000_000], &[10_000, 100_000]))
                .await;
        }
        "jobs/sqlite" => return sqlite::run(size).await,
        _ => {}
    }
    let site = Site::new().await?;
    match part {
        "jobs/enqueue" => enqueue::run(&site, size).await?,
        "jobs/drain" => drain::run(&site, size).await?,
        "jobs/pinned" => pinned::run(&site, size).await?,
        "jobs/retention" => retention::run(&site, size).await?,
        "jobs/fairness" => fairness::run(&site, size).await?,
        "jobs/latency" => latency::run(&site, size).await?,
        _ => return Err(format!("no part {part}").into()),
    }
    site.remove().await
}

/// What a backlog of ten millions costs, which takes minutes to be made.
pub(crate) async fn ten_millions() -> Result<()> {
    backlog::run(&[10_000, 10_000_000]).await
}

/// A job whose arguments are small, since their size is the application's and counts for both sides.
#[derive(Debug, Serialize, Deserialize)]
struct Nothing {
    n: usize,
}

impl Job for Nothing {
    const KIND: &'static str = "nothing";
}

/// Counts down, and tells when nothing is left to run.
#[derive(Debug)]
struct Left {
    jobs: AtomicUsize,
    none: watch::Sender<bool>,
}

impl Left {
    fn of(jobs: usize) -> Arc<Self> {
        Arc::new(Self { jobs: jobs.into(), none: watch::Sender::new(false) })
    }

    /// Resolves when nothing is left.
    fn none(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut none = self.none.subscribe();
        async move { drop(none.wait_for(|none| *none).await) }
    }
}

impl Run<Arc<Left>> for Nothing {
    async fn run(self, cx: JobContext<'_, Arc<Left>>) -> JobResult {
        if cx.context().jobs.fetch_sub(1, Ordering::Relaxed) == 1 {
            cx.context().none.send_replace(true);
        }
        Ok(Outcome::done())
    }
}
