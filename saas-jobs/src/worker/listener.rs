//! Hears that there is something to do in other processes' transactions.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Postgres;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::watch;

use super::{Shared, Worker, is_over, random, until};
use crate::Backend;
use crate::notify::CHANNEL;

/// How long it waits before it connects again: from this, twice as long each time, to that.
const WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

impl<C: Send + Sync + 'static> Worker<Postgres, C> {
    /// Listens on a connection of its own for what queues of other processes
    /// [notify](crate::Queue::notify): then it looks for jobs at once, not at the next poll. The
    /// connection must be direct: a pooler in transaction mode hands out no notifications.
    ///
    /// Polling goes on as the safety net. A connection that is lost is made again.
    #[must_use]
    pub fn listen(mut self, direct: PgConnectOptions) -> Self {
        self.settings.listen = Some(direct);
        self
    }
}

/// Listens until `ended`.
pub(super) async fn run<DB: Backend, C: Send + Sync + 'static>(
    shared: Arc<Shared<DB, C>>,
    mut ended: watch::Receiver<bool>,
) {
    let Some(direct) = shared.settings.listen.clone() else { return };
    let mut wait = WAIT.0;
    while !is_over(&ended) {
        let listening = listen(&shared, &direct, &mut wait);
        let lost = tokio::select! {
            lost = listening => lost,
            () = until(&mut ended) => return,
        };
        if let Err(error) = lost {
            tracing::warn!(%error, "no notifications are heard; polling finds the jobs meanwhile");
        }
        tokio::select! {
            () = tokio::time::sleep(wait.mul_f64(0.5 + 0.5 * random())) => {}
            () = until(&mut ended) => {}
        }
        wait = (wait * 2).min(WAIT.1);
    }
}

/// Listens until the connection is lost.
async fn listen<DB: Backend, C>(
    shared: &Shared<DB, C>,
    direct: &PgConnectOptions,
    wait: &mut Duration,
) -> Result<(), sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let pool = pool.acquire_timeout(Duration::from_secs(5)).connect_lazy_with(direct.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    tracing::debug!("listening for notifications");
    *wait = WAIT.0;
    loop {
        // First too: what was notified before it listened.
        shared.queue.wake_here();
        if listener.try_recv().await?.is_none() {
            return Ok(());
        }
    }
}
