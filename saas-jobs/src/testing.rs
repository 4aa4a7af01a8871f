use crate::worker::{clear, drain};
use crate::{Backend, Error, Job, Queue, Worker};

/// What a [`Worker::drain`] did, by the outcome of each run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Runs that succeeded, or completed their job in a transaction.
    pub done: usize,
    /// Runs that failed and are tried again.
    pub failed: usize,
    /// Runs that were snoozed, or met no handler.
    pub snoozed: usize,
    /// Jobs that ended as dead.
    pub dead: usize,
    /// Jobs that ended as cancelled.
    pub cancelled: usize,
}

impl<DB: Backend, C: Send + Sync + 'static> Worker<DB, C> {
    /// Runs every job that is due by the queue's clock, one after the other, until none is; what
    /// they enqueue too. Turn the clock to make more due.
    ///
    /// For tests: a failure is recorded as in production, a slow job holds the rest up.
    pub async fn drain(self) -> Result<Drained, Error> {
        drain(self).await
    }

    /// Clears at once what the worker's [`Retention`](crate::Retention) lets go; returns how many
    /// jobs.
    pub async fn clear(self) -> Result<u64, Error> {
        clear(self).await
    }
}

impl<DB: Backend> Queue<DB> {
    /// The jobs of a kind that wait, ready or scheduled, oldest first; on the connection of a
    /// transaction also those it has enqueued itself.
    ///
    /// # Errors
    ///
    /// [`Error::Arguments`] if one of them cannot be read.
    pub async fn enqueued<J: Job>(&self, conn: &mut DB::Connection) -> Result<Vec<J>, Error> {
        let rows = DB::waiting(conn, J::KIND, self.statements).await?;
        let jobs = rows.iter().map(|(_, args)| serde_json::from_str(args));
        jobs.collect::<Result<_, _>>().map_err(|source| Error::Arguments { kind: J::KIND, source })
    }
}
