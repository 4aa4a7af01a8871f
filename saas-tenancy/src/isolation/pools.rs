use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use saas_core::TenantId;
use sqlx::Pool;
use sqlx::pool::PoolOptions;
use tokio::sync::{Notify, OnceCell};

use super::slots::{Slots, Taken};
use super::{Databases, Home};
use crate::{Error, Global, Options, Registry, Result, TenantBackend, Tx};

/// A pool, or the opening of one: whoever wants the same tenant meanwhile waits for the same.
type Cell<DB> = Arc<OnceCell<Pool<DB>>>;

/// A place among the open pools: the tenant's, the one that had to go for it, and what holds it.
type Place<DB> = (Cell<DB>, Option<Cell<DB>>, Lease<DB>);

/// The tenants' open pools.
pub(crate) struct Pools<DB: TenantBackend> {
    databases: Databases<DB>,
    registry: Registry,
    options: Options,
    state: Mutex<State<DB>>,
    /// Told of each lease that ends.
    freed: Notify,
    counts: Counts,
}

struct State<DB: TenantBackend> {
    slots: Slots<Cell<DB>>,
    closed: bool,
}

#[derive(Default)]
struct Counts {
    opened: AtomicU64,
    failed: AtomicU64,
    evicted: AtomicU64,
    refused: AtomicU64,
}

/// How the tenants' pools are used: gauges, then counters since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PoolStats {
    /// How many pools may be open.
    pub max_open: usize,
    /// How many are open or being opened.
    pub open: usize,
    /// How many of these are in use and so cannot be closed.
    pub in_use: usize,
    /// How many were opened.
    pub opened: u64,
    /// How many openings failed.
    pub failed: u64,
    /// How many were closed to make room.
    pub evicted: u64,
    /// How often nobody made room in time: [`Error::Budget`].
    pub refused: u64,
}

/// Keeps a tenant's pool open.
pub(crate) struct Lease<DB: TenantBackend> {
    pools: Arc<Pools<DB>>,
    tenant: TenantId,
}

impl<DB: TenantBackend> Drop for Lease<DB> {
    fn drop(&mut self) {
        // A place whose opening failed or was given up is free at once: failures are not kept.
        self.pools.state().slots.give_back(self.tenant, |cell| cell.initialized());
        self.pools.freed.notify_one();
    }
}

impl<DB: TenantBackend> Pools<DB> {
    pub(crate) fn new(databases: Databases<DB>, registry: Registry, options: Options) -> Self {
        let slots = Slots::new(databases.max_open);
        Self {
            databases,
            registry,
            options,
            state: Mutex::new(State { slots, closed: false }),
            freed: Notify::new(),
            counts: Counts::default(),
        }
    }

    /// The tenant's pool, opened if it is not.
    pub(crate) async fn home(self: &Arc<Self>, tenant: TenantId) -> Result<Home<DB>> {
        let (cell, evicted, lease) = self.place(tenant).await?;
        // From here on the lease gives the place back, wherever this future is dropped.
        if let Some(pool) = evicted.as_ref().and_then(|cell| cell.get()) {
            self.counts.evicted.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(%tenant, "closing the tenant pool that was not used for longest");
            pool.close().await;
        }
        let pool = cell.get_or_try_init(|| self.open(tenant)).await?.clone();
        Ok(Home { pool, lease: Some(lease) })
    }

    /// A place among the open pools, waited for as long as the budget says.
    async fn place(self: &Arc<Self>, tenant: TenantId) -> Result<Place<DB>> {
        if let Some(place) = self.try_place(tenant)? {
            return Ok(place);
        }
        let wait = self.databases.acquire_timeout;
        let waiting = async {
            loop {
                // Listening begins before looking, so that no lease ends in between unheard.
                let mut freed = pin!(self.freed.notified());
                freed.as_mut().enable();
                if let Some(place) = self.try_place(tenant)? {
                    return Ok(place);
                }
                freed.await;
            }
        };
        sqlx_core::rt::timeout(wait, waiting).await.unwrap_or_else(|_| {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
            let Databases { max_open, connections, .. } = self.databases;
            Err(Error::Budget { max_open, connections, waited: wait })
        })
    }

    fn try_place(self: &Arc<Self>, tenant: TenantId) -> Result<Option<Place<DB>>> {
        let mut state = self.state();
        if state.closed {
            return Err(Error::Unavailable(sqlx::Error::PoolClosed));
        }
        Ok(match state.slots.take(tenant, Cell::default) {
            Taken::Full => None,
            Taken::Granted { value, evicted } => {
                Some((value, evicted, Lease { pools: Arc::clone(self), tenant }))
            }
        })
    }

    /// Opens the tenant's pool and checks what it leads to before anybody uses it.
    async fn open(&self, tenant: TenantId) -> Result<Pool<DB>> {
        let opened = self.connect(tenant).await;
        let count = if opened.is_ok() { &self.counts.opened } else { &self.counts.failed };
        count.fetch_add(1, Ordering::Relaxed);
        opened
    }

    async fn connect(&self, tenant: TenantId) -> Result<Pool<DB>> {
        let Databases { opener, connections, acquire_timeout, .. } = &self.databases;
        let options = opener.options(tenant).await?;
        let pool = PoolOptions::new()
            .max_connections(*connections)
            .acquire_timeout(*acquire_timeout)
            .connect_with(options)
            .await
            .map_err(|error| Error::on_opening(Some(tenant), error))?;
        let mut tx = Tx::open(Home::shared(pool.clone()), Global, &self.options).await?;
        opener.check(tx.connection(), tenant).await?;
        let findings = tx.verify(&self.registry, &self.options).await?;
        if findings.is_empty() { Ok(pool) } else { Err(Error::Unsafe(findings)) }
    }

    /// Closes the tenant's pool, unless it is in use; whether it is closed now.
    pub(crate) async fn close_one(&self, tenant: TenantId) -> bool {
        let (forgotten, open) = {
            let mut state = self.state();
            let forgotten = state.slots.forget(tenant);
            (forgotten, state.slots.holds(tenant))
        };
        if let Some(pool) = forgotten.as_ref().and_then(|cell| cell.get()) {
            pool.close().await;
        }
        !open
    }

    /// Opens no pool any more, and closes all as soon as those who use them are done.
    pub(crate) async fn close(&self) {
        let cells = {
            let mut state = self.state();
            state.closed = true;
            state.slots.clear()
        };
        self.freed.notify_waiters();
        for pool in cells.iter().filter_map(|cell| cell.get()) {
            pool.close().await;
        }
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let state = self.state();
        PoolStats {
            max_open: self.databases.max_open,
            open: state.slots.held(),
            in_use: state.slots.in_use(),
            opened: count(&self.counts.opened),
            failed: count(&self.counts.failed),
            evicted: count(&self.counts.evicted),
            refused: count(&self.counts.refused),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<DB>> {
        // Nothing that is done under it can be left half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
