//! graphile_worker, the port to Rust, with the settings of its "Throughput-oriented worker":
//! docs/src/configuration/worker-options.md in its package. It wakes by LISTEN, as it does by default.

use std::sync::Arc;
use std::time::Duration;

use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, TaskHandler, Worker, WorkerContext,
    WorkerOptions, WorkerUtils,
};
use saas_peer_queues::{CHUNK, Failure, Nothing, Result, serve};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinHandle;

#[tokio::main]
async fn main() -> Result<()> {
    serve::<Queue>().await
}

#[derive(Clone, Serialize, Deserialize)]
struct Job(Nothing);

impl TaskHandler for Job {
    const IDENTIFIER: &'static str = "nothing";

    async fn run(self, _: WorkerContext) -> impl IntoTaskHandlerResult {
        saas_peer_queues::ran();
        Ok::<(), String>(())
    }
}

struct Queue {
    pool: PgPool,
    utils: WorkerUtils,
}

impl saas_peer_queues::Queue for Queue {
    type Worker = (Arc<Worker>, JoinHandle<Result<()>>);

    async fn open(url: &str) -> Result<Self> {
        let pool = PgPoolOptions::new().max_connections(20).test_before_acquire(false);
        let pool = pool.connect(url).await?;
        let utils = WorkerUtils::new(pool.clone(), "graphile_worker");
        utils.migrate().await?;
        Ok(Self { pool, utils })
    }

    async fn bulk(&self, jobs: usize) -> Result<()> {
        let spec = JobSpec::default();
        for _ in 0..jobs / CHUNK {
            let chunk: Vec<_> = (0..CHUNK).map(|n| (Job(Nothing { n }), &spec)).collect();
            self.utils.add_jobs(&chunk).await?;
        }
        Ok(())
    }

    async fn single(&self, n: usize) -> Result<()> {
        self.utils.add_job(Job(Nothing { n }), JobSpec::default()).await?;
        Ok(())
    }

    async fn start(&self) -> Result<Self::Worker> {
        let worker = WorkerOptions::default()
            .pg_pool(self.pool.clone())
            .concurrency(16)
            .complete_job_batch_delay(Duration::from_millis(5))
            // "For job bursts, combine a tuned concurrency value with local queueing and small
            // batching delays." Of the sizes from 100 to 5000 this drains fastest.
            .local_queue(LocalQueueConfig::default().with_size(500))
            .listen_os_shutdown_signals(false)
            .define_job::<Job>()
            .init()
            .await?;
        let worker = Arc::new(worker);
        let runs = Arc::clone(&worker);
        let task = tokio::spawn(async move { Ok::<(), Failure>(runs.run().await?) });
        Ok((worker, task))
    }

    async fn stop(&self, (worker, task): Self::Worker) -> Result<()> {
        worker.request_shutdown();
        task.await?
    }
}
