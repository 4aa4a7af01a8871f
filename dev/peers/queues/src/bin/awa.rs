//! awa, in the shape of which its docs/benchmarking.md and docs/configuration.md say that it takes
//! 10,000 jobs a second: "one claimer, `claim_batch_size = 512`, and `max_workers = 1024`". It wakes by
//! NOTIFY, as it does by default.

use std::time::Duration;

use awa::model::insert::params;
use awa::{Client, JobArgs, JobResult, QueueConfig, QueueStorage, QueueStorageConfig};
use saas_peer_queues::{CHUNK, Result, serve};
use serde::{Deserialize, Serialize};
use sqlx_08::PgPool;
use sqlx_08::postgres::PgPoolOptions;

#[tokio::main]
async fn main() -> Result<()> {
    serve::<Queue>().await
}

#[derive(Debug, Serialize, Deserialize, JobArgs)]
struct Nothing {
    n: usize,
}

struct Queue {
    pool: PgPool,
    storage: QueueStorage,
}

impl saas_peer_queues::Queue for Queue {
    type Worker = Client;

    async fn open(url: &str) -> Result<Self> {
        let pool = PgPoolOptions::new().max_connections(24).test_before_acquire(false);
        let pool = pool.connect(url).await?;
        awa::migrations::run(&pool).await?;
        Ok(Self { pool, storage: QueueStorage::new(QueueStorageConfig::default())? })
    }

    async fn bulk(&self, jobs: usize) -> Result<()> {
        for _ in 0..jobs / CHUNK {
            let chunk = (0..CHUNK)
                .map(|n| params(&Nothing { n }))
                .collect::<std::result::Result<Vec<_>, _>>()?;
            // "For high-volume queue-storage producers, prefer `QueueStorage::enqueue_params_copy`."
            self.storage.enqueue_params_copy(&self.pool, &chunk).await?;
        }
        Ok(())
    }

    async fn single(&self, n: usize) -> Result<()> {
        awa::insert(&self.pool, &Nothing { n }).await?;
        Ok(())
    }

    async fn start(&self) -> Result<Client> {
        let config = QueueConfig {
            max_workers: 1024,
            claim_batch_size: 512,
            // As in its own benchmark of that shape: jobs without a deadline take the short path.
            deadline_duration: Duration::ZERO,
            ..QueueConfig::default()
        };
        let client = Client::builder(self.pool.clone())
            .queue("default", config)
            .register::<Nothing, _, _>(|_, _| async {
                saas_peer_queues::ran();
                Ok(JobResult::Completed)
            })
            .build()?;
        client.start().await?;
        Ok(client)
    }

    async fn stop(&self, client: Client) -> Result<()> {
        client.shutdown(Duration::from_secs(10)).await;
        Ok(())
    }
}
