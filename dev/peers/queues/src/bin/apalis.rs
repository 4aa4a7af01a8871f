//! apalis-postgres, with NOTIFY as in the "Pubsub listener example" of its README, batches as its
//! `Config` says, and without a second lock of each task, as in the example of its documentation.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apalis::prelude::*;
use apalis_postgres::{Config, PgPool, PostgresStorage, queries};
use saas_peer_queues::{CHUNK, Failure, Nothing, Result, serve};
use sqlx::postgres::PgPoolOptions;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

#[tokio::main]
async fn main() -> Result<()> {
    serve::<Queue>().await
}

const NAME: &str = "nothing";

struct Queue {
    pool: PgPool,
    workers: AtomicUsize,
}

async fn push(pool: &PgPool, jobs: impl Iterator<Item = usize>) -> Result<()> {
    let tasks = jobs
        .map(|n| Ok(TaskBuilder::new(serde_json::to_vec(&Nothing { n })?).build()))
        .collect::<Result<Vec<_>>>()?;
    queries::push_tasks(&mut *pool.acquire().await?, NAME, tasks).await?;
    Ok(())
}

async fn run(_: Nothing) -> std::result::Result<(), BoxDynError> {
    saas_peer_queues::ran();
    Ok(())
}

impl saas_peer_queues::Queue for Queue {
    type Worker = (oneshot::Sender<()>, JoinHandle<Result<()>>);

    async fn open(url: &str) -> Result<Self> {
        let pool = PgPoolOptions::new().max_connections(20).test_before_acquire(false);
        let pool = pool.connect(url).await?;
        PostgresStorage::setup(&pool).await?;
        Ok(Self { pool, workers: AtomicUsize::new(0) })
    }

    async fn bulk(&self, jobs: usize) -> Result<()> {
        for _ in 0..jobs / CHUNK {
            push(&self.pool, 0..CHUNK).await?;
        }
        Ok(())
    }

    async fn single(&self, n: usize) -> Result<()> {
        push(&self.pool, std::iter::once(n)).await
    }

    async fn start(&self) -> Result<Self::Worker> {
        // "Larger batches can improve throughput by reducing the number of queue operations."
        let config = Config::default().queue(NAME).batch_size(500).lock_tasks(false);
        let backend = PostgresStorage::new(&self.pool)
            .with_config(config)
            .with_pubsub()
            .poll_with_interval(Duration::from_millis(100));
        // A name of its own: a connection of the pool still holds the lock on that of an ended worker.
        let name = format!("worker {}", self.workers.fetch_add(1, Ordering::Relaxed));
        let worker = WorkerBuilder::new(name).backend(backend).build(run);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            worker
                .run_until(async { stopped.await.map_err(|_| std::io::Error::other("gone")) })
                .await?;
            Ok::<(), Failure>(())
        });
        Ok((stop, task))
    }

    async fn stop(&self, (stop, task): Self::Worker) -> Result<()> {
        stop.send(()).map_err(|()| "no worker")?;
        task.await?
    }
}
