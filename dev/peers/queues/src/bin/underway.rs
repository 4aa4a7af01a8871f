//! underway, by its tasks, which do less than its jobs. It wakes by NOTIFY, as it does by default.

use saas_peer_queues::{CHUNK, Nothing, Result, serve};
use sqlx_08::PgPool;
use sqlx_08::postgres::PgPoolOptions;
use sqlx_08::{Postgres, Transaction};
use std::sync::Arc;
use tokio::task::JoinSet;

use underway::{Task, Worker};

#[tokio::main]
async fn main() -> Result<()> {
    serve::<Queue>().await
}

/// A worker takes up one more task at once only when it is notified or polls, so a backlog needs as
/// many workers as there shall be tasks at once.
const WORKERS: usize = 10;

#[derive(Clone)]
struct Step;

impl Task for Step {
    type Input = Nothing;
    type Output = ();

    async fn execute(
        &self,
        _: Transaction<'_, Postgres>,
        _: Nothing,
    ) -> underway::task::Result<()> {
        saas_peer_queues::ran();
        Ok(())
    }
}

struct Queue {
    pool: PgPool,
    queue: Arc<underway::Queue<Step>>,
}

impl saas_peer_queues::Queue for Queue {
    type Worker = (Vec<Worker<Step>>, JoinSet<Result<()>>);

    async fn open(url: &str) -> Result<Self> {
        let pool = PgPoolOptions::new().max_connections(64).test_before_acquire(false);
        let pool = pool.connect(url).await?;
        underway::run_migrations(&pool).await?;
        let queue = underway::Queue::builder().name("nothing").pool(pool.clone()).build().await?;
        Ok(Self { pool, queue: Arc::new(queue) })
    }

    async fn bulk(&self, jobs: usize) -> Result<()> {
        for _ in 0..jobs / CHUNK {
            let chunk: Vec<_> = (0..CHUNK).map(|n| Nothing { n }).collect();
            self.queue.enqueue_multi(&self.pool, &Step, &chunk).await?;
        }
        Ok(())
    }

    async fn single(&self, n: usize) -> Result<()> {
        self.queue.enqueue(&self.pool, &Step, &Nothing { n }).await?;
        Ok(())
    }

    async fn start(&self) -> Result<Self::Worker> {
        let worker = || Worker::new(Arc::clone(&self.queue), Step);
        let workers: Vec<_> = (0..WORKERS).map(|_| worker()).collect();
        let mut tasks = JoinSet::new();
        for worker in workers.clone() {
            tasks.spawn(async move { Ok(worker.run().await?) });
        }
        Ok((workers, tasks))
    }

    async fn stop(&self, (workers, mut tasks): Self::Worker) -> Result<()> {
        for worker in &workers {
            worker.shutdown();
        }
        while let Some(end) = tasks.join_next().await {
            end??;
        }
        Ok(())
    }
}
