//! Telling the workers of other processes: PostgreSQL's NOTIFY, as an option.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::{PgPool, Postgres};
use tokio::runtime::Handle;

use crate::Queue;

/// The channel of all queues of a database.
pub(crate) const CHANNEL: &str = "saas_jobs";

/// No payload: whoever hears it looks for jobs. Its commit has nothing to wait for the disk with, and
/// others wait for it. The simple protocol, since a pooler may lie between.
const NOTIFY: &str = "begin; set local synchronous_commit = off; notify saas_jobs; commit";

/// How long a process is quiet between two, whose commits take turns in the whole database: as long
/// as one took, within these bounds.
const QUIET: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

impl Queue<Postgres> {
    /// Tells the workers of other processes too when this queue is [woken](Self::wake): by a NOTIFY
    /// that is sent in the background on a connection of `pool`, at once, then at most a thousand
    /// times a second and less where it takes long. It is never in the caller's transaction, whose commit would wait for
    /// those of others that notify. A pooler is no obstacle.
    ///
    /// They hear it if they [listen](crate::Worker::listen). What is lost is found by polling.
    #[must_use]
    pub fn notify(self, pool: PgPool) -> Self {
        let notifier = Arc::new(Notifier { pool, sends: false.into(), again: false.into() });
        self.beyond(Arc::new(move || notifier.tell()))
    }
}

/// Sends at most one at a time, and one more after whatever came meanwhile.
struct Notifier {
    pool: PgPool,
    sends: AtomicBool,
    again: AtomicBool,
}

impl Notifier {
    fn tell(self: &Arc<Self>) {
        self.again.store(true, Ordering::SeqCst);
        let Ok(runtime) = Handle::try_current() else {
            tracing::debug!("woken outside of a runtime; others find out by polling");
            return;
        };
        if !self.sends.swap(true, Ordering::SeqCst) {
            runtime.spawn(Arc::clone(self).send());
        }
    }

    /// Whoever calls it has raised `sends`.
    async fn send(self: Arc<Self>) {
        loop {
            // Should the runtime end meanwhile, another one may go on.
            let sending = Sending(&self.sends);
            while self.again.swap(false, Ordering::SeqCst) {
                let begun = Instant::now();
                if let Err(error) = sqlx::raw_sql(NOTIFY).execute(&self.pool).await {
                    tracing::warn!(%error, "other workers cannot be notified; they find out by polling");
                }
                tokio::time::sleep(begun.elapsed().clamp(QUIET.0, QUIET.1)).await;
            }
            drop(sending);
            // Somebody may have come in between and taken this task for one that goes on.
            if !self.again.load(Ordering::SeqCst) || self.sends.swap(true, Ordering::SeqCst) {
                return;
            }
        }
    }
}

/// While it is there, one sends.
struct Sending<'s>(&'s AtomicBool);

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notifier")
    }
}
