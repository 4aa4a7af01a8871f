use std::io;
use std::ops::DerefMut;
use std::time::Duration;

use saas_core::sql::Statements;
use sqlx::pool::PoolConnection;
use sqlx::{Pool, Transaction};

use super::Backend;

/// How long a worker waits where its pool is too small for it to keep connections: there it stands in
/// line with its handlers, and must not lose its place too soon.
const IN_LINE: Duration = Duration::from_secs(6);

/// What the work comes to, or an error where the database does not answer.
pub(crate) async fn in_time<DB: Backend, T>(
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let silence = |_| sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer"));
    tokio::time::timeout(DB::ANSWER, work).await.map_err(silence)?
}

/// A connection that goes back to the pool only if it has answered: the pool would wait for one that
/// does not.
pub(crate) struct Lent<DB: Backend> {
    conn: PoolConnection<DB>,
    answered: bool,
}

impl<DB: Backend> Drop for Lent<DB> {
    fn drop(&mut self) {
        if !self.answered {
            self.conn.close_on_drop();
        }
    }
}

/// A connection of the worker's own, in a transaction where one is needed.
pub(crate) enum Session<DB: Backend> {
    Bare(Lent<DB>),
    Within(Transaction<'static, DB>),
}

impl<DB: Backend> Session<DB> {
    /// For an operation that is one statement where the database has such statements.
    pub(crate) async fn short(pool: &Pool<DB>, how: Statements) -> Result<Self, sqlx::Error> {
        if DB::ONE_STATEMENT { Self::single(pool, how).await } else { Self::atomic(pool).await }
    }

    /// The same on a connection that was kept, if there is one: taking one from the pool and
    /// giving it back costs a round trip each.
    pub(crate) async fn short_on(
        kept: &mut Option<Lent<DB>>,
        pool: &Pool<DB>,
        how: Statements,
    ) -> Result<Self, sqlx::Error> {
        match kept.take() {
            Some(mut lent) => {
                lent.answered = false;
                Ok(Self::Bare(lent))
            }
            None => Self::short(pool, how).await,
        }
    }

    /// For one statement. Behind a pooler even that needs a transaction, or preparing and running
    /// it may meet two servers.
    pub(crate) async fn single(pool: &Pool<DB>, how: Statements) -> Result<Self, sqlx::Error> {
        match how {
            Statements::Named => {
                Ok(Self::Bare(Lent { conn: acquire(pool).await?, answered: false }))
            }
            Statements::Unnamed => Self::atomic(pool).await,
        }
    }

    /// For statements that belong together.
    pub(crate) async fn atomic(pool: &Pool<DB>) -> Result<Self, sqlx::Error> {
        Self::begin(pool, DB::BEGIN).await
    }

    /// For a claim whose plan was slow. Its statement must be unnamed, or the old plan is used.
    pub(crate) async fn steered(pool: &Pool<DB>) -> Result<Self, sqlx::Error> {
        Self::begin(pool, DB::BEGIN_STEERED).await
    }

    async fn begin(pool: &Pool<DB>, begin: &'static str) -> Result<Self, sqlx::Error> {
        // In a task of its own: sqlx's `begin` must not be dropped in flight, or the next borrower
        // of the connection sits in a transaction that nobody owns.
        let of = pool.clone();
        let opening = tokio::spawn(async move { of.begin_with(begin).await });
        // One that comes too late is rolled back.
        let opened = tokio::time::timeout(patience(pool), opening).await;
        let opened = opened.map_err(|_| sqlx::Error::PoolTimedOut)?;
        Ok(Self::Within(opened.map_err(|_| sqlx::Error::WorkerCrashed)??))
    }

    pub(crate) fn connection(&mut self) -> &mut DB::Connection {
        match self {
            Self::Bare(lent) => lent.conn.deref_mut(),
            Self::Within(tx) => tx.deref_mut(),
        }
    }

    /// Keeps what was written, and the connection for the next time, if the pool can spare it.
    pub(crate) async fn commit_and_keep(
        self,
        kept: &mut Option<Lent<DB>>,
        pool: &Pool<DB>,
    ) -> Result<(), sqlx::Error> {
        match self {
            Self::Bare(mut lent) if can_spare(pool) => {
                lent.answered = true;
                *kept = Some(lent);
            }
            session => session.commit().await?,
        }
        Ok(())
    }

    /// Undoes what was written, and all locks are free once it returns.
    #[cfg(feature = "cron")]
    pub(crate) async fn rollback(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Bare(_) => Ok(()),
            Self::Within(tx) => tx.rollback().await,
        }
    }

    /// Keeps what was written. Dropping the session instead rolls it back, some time later.
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Bare(mut lent) => {
                lent.answered = true;
                Ok(())
            }
            Self::Within(tx) => tx.commit().await,
        }
    }
}

/// A connection for the worker, if there is one soon.
pub(crate) async fn acquire<DB: Backend>(
    pool: &Pool<DB>,
) -> Result<PoolConnection<DB>, sqlx::Error> {
    let acquired = tokio::time::timeout(patience(pool), pool.acquire()).await;
    acquired.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

fn patience<DB: Backend>(pool: &Pool<DB>) -> Duration {
    if can_spare(pool) { DB::PATIENCE } else { DB::PATIENCE.max(IN_LINE) }
}

/// Whether the worker may keep connections while it waits: in a smaller pool its handlers might
/// wait for them, and it for the handlers.
pub(crate) fn can_spare<DB: Backend>(pool: &Pool<DB>) -> bool {
    pool.options().get_max_connections() >= 5
}
