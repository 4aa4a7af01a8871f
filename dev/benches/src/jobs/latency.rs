//! How long a job waits from its COMMIT being sent to its start, on an idle queue and at a thousand
//! jobs a second: woken within the process, by NOTIFY from another one, and by polling alone;
//! against a NOTIFY within the transaction and a claim by hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use saas_jobs::{Job, JobContext, JobResult, Outcome, Queue, Run, Worker};
use serde::{Deserialize, Serialize};
use sqlx::Postgres;
use sqlx::postgres::PgListener;
use tokio::sync::watch;

use super::by_hand;
use super::site::{POOL, Site};
use super::starts::{Starts, Waits};
use crate::measure::Turns;
use crate::{Result, Size};

/// How a worker finds out.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wake {
    InProcess,
    Notify,
    Polling,
}

/// How jobs come: the time between two, and how many.
#[derive(Debug, Clone, Copy)]
struct Pace {
    name: &'static str,
    every: Duration,
    jobs: usize,
}

pub(super) async fn run(site: &Site, size: Size) -> Result<()> {
    let paces = [
        Pace { name: "idle", every: Duration::from_millis(20), jobs: size.pick(500, 150) },
        Pace { name: "at_1000", every: Duration::from_millis(1), jobs: size.pick(10_000, 2000) },
    ];
    for pace in paces {
        eprintln!("jobs/latency: {}", pace.name);
        let (mut floor, mut ours) = (Vec::new(), [const { Vec::new() }; 3]);
        for _ in 0..size.pick(5, 3) {
            floor.push(floor_waits(site, pace).await?);
            for (wake, waits) in
                [Wake::InProcess, Wake::Notify, Wake::Polling].into_iter().zip(&mut ours)
            {
                waits.push(worker_waits(site, pace, wake).await?);
            }
        }
        for (name, waits) in ["in_process", "notify", "polling"].into_iter().zip(&ours) {
            for (percent, share) in [("p50", 0.5), ("p99", 0.99)] {
                let of = |waits: &[Waits]| waits.iter().map(|waits| waits.share(share)).collect();
                let metric = format!("{name}_{}_{percent}", pace.name);
                Turns::new(of(waits), of(&floor)).report("jobs/latency", &metric, "ms")?;
            }
        }
    }
    Ok(())
}

/// A worker with its defaults.
async fn worker_waits(site: &Site, pace: Pace, wake: Wake) -> Result<Waits> {
    let starts = Starts::of(pace.jobs);
    let pool = site.database.app(POOL).await?;
    // Two queues are two processes: what wakes one is not heard by the other.
    let (mut queue, own) = (Queue::<Postgres>::new(), Queue::<Postgres>::new());
    if wake == Wake::Notify {
        queue = queue.notify(pool.clone());
    }
    let worker_queue = if wake == Wake::InProcess { queue.clone() } else { own };
    let mut worker =
        Worker::new(pool.clone(), worker_queue, Arc::clone(&starts)).register::<Note>();
    if wake == Wake::Notify {
        worker = worker.listen(site.database.options());
    }
    let (stop, mut stopped) = watch::channel(false);
    let worker = tokio::spawn(worker.run_until(async move { drop(stopped.changed().await) }));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut sent = Vec::with_capacity(pace.jobs);
    let mut tick = tokio::time::interval(pace.every);
    for n in 0..pace.jobs {
        tick.tick().await;
        let mut tx = site.pool.begin().await?;
        queue.enqueue(&mut tx, Note { n }).await?;
        sent.push(Instant::now());
        tx.commit().await?;
        if wake != Wake::Polling {
            queue.wake();
        }
    }
    let waits = starts.waits(&sent).await?;
    stop.send_replace(true);
    worker.await??;
    pool.close().await;
    Ok(waits)
}

/// A loop by hand that listens, claims what there is, and records it.
async fn floor_waits(site: &Site, pace: Pace) -> Result<Waits> {
    let starts = Starts::of(pace.jobs);
    let pool = site.database.app(2).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen("bench").await?;
    let noted = Arc::clone(&starts);
    let claims = pool.clone();
    let claiming = tokio::spawn(async move {
        let mut conn = claims.acquire().await?;
        let mut left = noted.jobs();
        while left > 0 {
            listener.recv().await?;
            left -= by_hand::claim_and_complete(&mut conn, |n| noted.note(n)).await?;
        }
        crate::Result::Ok(())
    });
    let mut sent = Vec::with_capacity(pace.jobs);
    let mut tick = tokio::time::interval(pace.every);
    for n in 0..pace.jobs {
        tick.tick().await;
        let mut tx = site.pool.begin().await?;
        by_hand::enqueue_one(&mut tx, n).await?;
        sqlx::query("notify bench").execute(&mut *tx).await?;
        sent.push(Instant::now());
        tx.commit().await?;
    }
    let waits = starts.waits(&sent).await?;
    claiming.await??;
    pool.close().await;
    Ok(waits)
}

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    n: usize,
}

impl Job for Note {
    const KIND: &'static str = "nothing";
}

impl Run<Arc<Starts>> for Note {
    async fn run(self, cx: JobContext<'_, Arc<Starts>>) -> JobResult {
        cx.context().note(self.n);
        Ok(Outcome::done())
    }
}
