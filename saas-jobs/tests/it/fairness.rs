//! A tenant with very many jobs does not keep the others waiting.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use saas_core::TenantId;
use saas_jobs::{Backend, Job, JobContext, JobResult, Outcome, Run, Worker};
use serde::{Deserialize, Serialize};

use crate::site::{self, Site};

const SMALL_TENANTS: usize = 1000;
const JOBS_OF_EACH: usize = 10;

#[derive(Serialize, Deserialize)]
struct Turn {
    of_whale: bool,
}

impl Job for Turn {
    const KIND: &'static str = "turn";
}

/// Whether the whale's, in the order in which jobs began.
type Starts = Arc<Mutex<Vec<bool>>>;

impl Run<Starts> for Turn {
    async fn run(self, cx: JobContext<'_, Starts>) -> JobResult {
        cx.context().lock().unwrap().push(self.of_whale);
        Ok(Outcome::done())
    }
}

/// Of the first 4,000 starts, how many are of small tenants, with so many workers?
async fn small_ones_among_the_first<DB: Backend>(
    site: Site<DB>,
    whale: usize,
    workers: usize,
) -> usize {
    let mut left = whale;
    let of_whale = site.options().tenant(TenantId::new());
    while left > 0 {
        let batch = left.min(10_000);
        let jobs = (0..batch).map(|_| Turn { of_whale: true });
        let mut tx = site.pool.begin().await.unwrap();
        site.queue.enqueue_many(&mut tx, jobs, of_whale.clone()).await.unwrap();
        tx.commit().await.unwrap();
        left -= batch;
    }
    let mut tx = site.pool.begin().await.unwrap();
    for _ in 0..SMALL_TENANTS {
        let jobs = (0..JOBS_OF_EACH).map(|_| Turn { of_whale: false });
        let options = site.options().tenant(TenantId::new());
        site.queue.enqueue_many(&mut tx, jobs, options).await.unwrap();
    }
    tx.commit().await.unwrap();

    let starts = Starts::default();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let workers = (0..workers).map(|_| {
        let worker = Worker::new(site.pool.clone(), site.queue.clone(), Arc::clone(&starts))
            .queue(site.name.clone())
            .register::<Turn>();
        let mut stopped = stopped.clone();
        tokio::spawn(worker.run_until(async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }))
    });
    let workers: Vec<_> = workers.collect();
    while starts.lock().unwrap().len() < 4000 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.send_replace(true);
    for worker in workers {
        worker.await.unwrap().unwrap();
    }
    let small = starts.lock().unwrap()[..4000].iter().filter(|of_whale| !**of_whale).count();
    site.end().await;
    small
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whale_is_served_in_its_turn_by_one_worker_on_postgres_slow() {
    let small = small_ones_among_the_first(site::postgres(false).await, 290_000, 1).await;
    assert!(small >= 3900, "{small}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whale_is_served_in_its_turn_by_four_workers_on_postgres_slow() {
    let small = small_ones_among_the_first(site::postgres(false).await, 290_000, 4).await;
    assert!(small >= 3900, "{small}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whale_is_served_in_its_turn_behind_a_pooler() {
    let small = small_ones_among_the_first(site::pgbouncer(false).await, 20_000, 2).await;
    assert!(small >= 3900, "{small}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whale_is_served_in_its_turn_on_sqlite() {
    let small = small_ones_among_the_first(site::sqlite(false).await, 20_000, 2).await;
    assert!(small >= 3900, "{small}");
}
