//! A worker stays alive: it renews its epoch, begins another when that lapses, and signs off.

use std::sync::Arc;
use std::time::{Duration, Instant};

use saas_core::sql::Statements;
use sqlx::pool::PoolConnection;
use sqlx::{Connection, Pool};
use tokio::sync::watch;
use uuid::Uuid;

use super::lease::Epoch;
use super::{Shared, is_over, random, until};
use crate::Backend;
use crate::options::after;
use crate::store::{self, Session, acquire, can_spare};

/// Keeps an epoch alive until `ended`, and begins another when it lapses.
pub(super) async fn beat<DB: Backend, C: Send + Sync + 'static>(
    shared: Arc<Shared<DB, C>>,
    epochs: watch::Sender<Option<Arc<Epoch>>>,
    mut ended: watch::Receiver<bool>,
) {
    // A connection of its own where the pool can spare one: handlers that take all the others must
    // not cost the worker its leases.
    let keeps = can_spare(&shared.pool);
    let mut conn = None;
    let mut failures = 0_u32;
    while !is_over(&ended) {
        // A connection to nowhere answers nothing, not even with an error.
        let beat = renew(&shared, &epochs, &mut conn);
        let beat = tokio::time::timeout(shared.settings.lease / 2, beat).await;
        let beat = beat.unwrap_or_else(|_| {
            // Nor may anybody else have it, in whatever state it is.
            conn.iter_mut().for_each(PoolConnection::close_on_drop);
            Err(sqlx::Error::PoolTimedOut)
        });
        if let Err(error) = &beat {
            tracing::warn!(%error, "the worker's lease cannot be renewed; trying again");
            conn = None;
        } else if !keeps {
            conn = None;
        }
        failures = if beat.is_ok() { 0 } else { failures + 1 };
        let wait = match failures {
            0 => shared.settings.lease / 3,
            _ => (Duration::from_millis(100) * failures).min(shared.settings.lease / 6),
        };
        tokio::select! {
            () = tokio::time::sleep(wait.mul_f64(1.0 - 0.1 * random())) => {}
            () = until(&mut ended) => {}
        }
    }
    let epoch = epochs.borrow().clone();
    if let Some(epoch) = epoch
        && let Err(error) = retire(&shared, epoch.worker).await
    {
        tracing::warn!(%error, "the worker could not sign off; its row expires by itself");
    }
}

/// Renews the epoch, or begins one.
async fn renew<DB: Backend, C: Send + Sync + 'static>(
    shared: &Shared<DB, C>,
    epochs: &watch::Sender<Option<Arc<Epoch>>>,
    conn: &mut Option<PoolConnection<DB>>,
) -> Result<(), sqlx::Error> {
    let until = || Instant::now() + shared.settings.lease;
    let current = epochs.borrow().clone();
    if let Some(epoch) = current {
        let conn = connected(conn, &shared.pool).await?;
        let row = epoch_row(shared, epoch.worker);
        let deadline = until();
        if write::<DB>(conn, &row, false, shared.queue.statements).await? {
            epoch.prolong(deadline);
            return Ok(());
        }
        tracing::warn!(worker = %epoch.worker, "the worker was taken for dead; its jobs are lost to it");
        epoch.lapse();
    }
    // What tells the limits needs a connection too, and there may be one in all.
    *conn = None;
    tell_limits(shared).await?;
    let conn = connected(conn, &shared.pool).await?;
    let epoch = Epoch::new(until());
    let row = epoch_row(shared, epoch.worker);
    write::<DB>(conn, &row, true, shared.queue.statements).await?;
    epochs.send_replace(Some(epoch));
    Ok(())
}

async fn connected<'c, DB: Backend>(
    conn: &'c mut Option<PoolConnection<DB>>,
    pool: &Pool<DB>,
) -> Result<&'c mut PoolConnection<DB>, sqlx::Error> {
    match conn {
        Some(conn) => Ok(conn),
        None => Ok(conn.insert(acquire(pool).await?)),
    }
}

/// Writes down what the worker was told of limits, before it claims anything.
pub(super) async fn tell_limits<DB: Backend, C>(shared: &Shared<DB, C>) -> Result<(), sqlx::Error> {
    let how = shared.queue.statements;
    for limit in &shared.settings.limits {
        let mut session = Session::<DB>::single(&shared.pool, how).await?;
        DB::set_limit(session.connection(), limit, how).await?;
        session.commit().await?;
    }
    Ok(())
}

pub(super) fn epoch_row<DB: Backend, C>(shared: &Shared<DB, C>, worker: Uuid) -> store::Epoch {
    let now = shared.queue.clock.now();
    let expires_at = after(now, shared.settings.lease);
    store::Epoch { worker, name: shared.settings.name.clone(), now, expires_at }
}

async fn write<DB: Backend>(
    conn: &mut DB::Connection,
    row: &store::Epoch,
    new: bool,
    how: Statements,
) -> Result<bool, sqlx::Error> {
    async fn statement<DB: Backend>(
        conn: &mut DB::Connection,
        row: &store::Epoch,
        new: bool,
        how: Statements,
    ) -> Result<bool, sqlx::Error> {
        if new {
            DB::register(conn, row, how).await.map(|()| true)
        } else {
            DB::renew(conn, row, how).await
        }
    }
    match how {
        Statements::Named => statement::<DB>(conn, row, new, how).await,
        Statements::Unnamed => {
            // The heart's task is never dropped in flight, and its connection after an error is.
            let mut tx = conn.begin_with(DB::BEGIN).await?;
            let answer = statement::<DB>(&mut tx, row, new, how).await?;
            tx.commit().await?;
            Ok(answer)
        }
    }
}

/// Begins an epoch that nobody renews, for a drain.
#[cfg(feature = "testing")]
pub(super) async fn register<DB: Backend, C>(
    shared: &Shared<DB, C>,
) -> Result<Arc<Epoch>, sqlx::Error> {
    const DAY: Duration = Duration::from_secs(86_400);
    let epoch = Epoch::new(Instant::now() + DAY);
    let mut row = epoch_row(shared, epoch.worker);
    row.expires_at = after(row.now, DAY);
    let how = shared.queue.statements;
    let mut session = Session::single(&shared.pool, how).await?;
    DB::register(session.connection(), &row, how).await?;
    session.commit().await?;
    Ok(epoch)
}

/// Ends an epoch that holds nothing any more.
pub(super) async fn retire<DB: Backend, C>(
    shared: &Shared<DB, C>,
    worker: Uuid,
) -> Result<(), sqlx::Error> {
    let how = shared.queue.statements;
    let mut session = Session::single(&shared.pool, how).await?;
    DB::retire(session.connection(), worker, how).await?;
    session.commit().await
}
