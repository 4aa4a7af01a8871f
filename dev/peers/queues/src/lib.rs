//! What the programs have in common: how they are asked, and what is measured in them.
//!
//! On standard input first the URL of an empty database, in which the queue makes its tables, and
//! then a question a line. Each is answered by a line on standard output: `done`, but for the times
//! of `latency`.
//!
//! - `bulk N`: so many jobs that do nothing are enqueued, many at a time;
//! - `single N K`: so many, each on its own, K at once;
//! - `drain N`: a worker starts, and so many jobs have begun;
//! - `latency N`: a worker starts, and finds so many jobs, each enqueued when the last is over;
//!   answered by the microseconds from each one's commit to the start of its handler;
//! - `stop`: the worker ends.

use std::error::Error;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::timeout;

pub type Failure = Box<dyn Error + Send + Sync>;
pub type Result<T> = std::result::Result<T, Failure>;

/// How many jobs `bulk` enqueues with one call.
pub const CHUNK: usize = 1000;

/// The arguments of a job that does nothing: as ours.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Nothing {
    pub n: usize,
}

/// A queue, as its documentation says it is to be used.
#[allow(async_fn_in_trait)] // Nobody but these programs.
pub trait Queue: Sized {
    type Worker;

    /// Connects, and makes the tables.
    async fn open(url: &str) -> Result<Self>;
    async fn bulk(&self, jobs: usize) -> Result<()>;
    async fn single(&self, job: usize) -> Result<()>;
    /// Starts a worker, whose handlers call [`ran`].
    async fn start(&self) -> Result<Self::Worker>;
    async fn stop(&self, worker: Self::Worker) -> Result<()>;
}

/// Answers until nobody asks any more.
pub async fn serve<Q: Queue>() -> Result<()> {
    let mut lines = std::io::stdin().lines();
    let queue = Q::open(&lines.next().ok_or("no URL")??).await?;
    let mut worker = None;
    for line in lines {
        let line = line?;
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["bulk", jobs] => queue.bulk(jobs.parse()?).await?,
            ["single", jobs, at_once] => {
                let jobs = stream::iter((0..jobs.parse()?).map(Ok));
                jobs.try_for_each_concurrent(at_once.parse::<usize>()?, |n| queue.single(n))
                    .await?;
            }
            ["drain", jobs] => {
                RUNS.expect(jobs.parse()?);
                worker = Some(queue.start().await?);
                RUNS.over().await?;
            }
            ["latency", jobs] => {
                worker = Some(queue.start().await?);
                answer(&latency(&queue, jobs.parse()?).await?)?;
                continue;
            }
            ["stop"] => queue.stop(worker.take().ok_or("no worker")?).await?,
            _ => return Err(format!("no such question: {line}").into()),
        }
        answer("done")?;
    }
    Ok(())
}

fn answer(line: &str) -> Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}

async fn latency<Q: Queue>(queue: &Q, jobs: usize) -> Result<String> {
    let times: Vec<_> = stream::iter(0..jobs)
        .then(async |n| {
            RUNS.expect(1);
            queue.single(n).await?;
            let committed = Instant::now();
            let began = RUNS.over().await?;
            // Until all is idle again, and never in step with anything that polls.
            tokio::time::sleep(Duration::from_millis(15 + n as u64 % 10)).await;
            Ok::<_, Failure>(began.saturating_duration_since(committed).as_micros().to_string())
        })
        .try_collect()
        .await?;
    Ok(times.join(" "))
}

/// To be called by each handler.
pub fn ran() {
    RUNS.ran();
}

static RUNS: Runs =
    Runs { left: AtomicUsize::new(0), last: Mutex::new(None), none: Notify::const_new() };

/// What handlers have done.
struct Runs {
    left: AtomicUsize,
    last: Mutex<Option<Instant>>,
    none: Notify,
}

impl Runs {
    fn expect(&self, jobs: usize) {
        self.left.store(jobs, Ordering::SeqCst);
    }

    fn ran(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            self.none.notify_one();
        }
    }

    /// When the last of them began. A worker that has come to a halt is an error.
    async fn over(&self) -> Result<Instant> {
        timeout(Duration::from_secs(300), self.none.notified()).await?;
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(last.ok_or("none has begun")?)
    }
}
