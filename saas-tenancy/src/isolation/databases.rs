use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::OpenDatabase;
use crate::TenantBackend;

/// The tenants' databases, and how much of them may be open at once.
///
/// A pool per tenant, opened when the tenant is first wanted. Where another would be one too many,
/// that one goes which was not used for longest; one that is in use never goes.
///
/// ```
/// use std::time::Duration;
/// use saas_tenancy::{Databases, Files};
///
/// let databases = Databases::new(Files::new("/var/lib/app/tenants"))
///     .max_open(200)
///     .connections(4)
///     .acquire_timeout(Duration::from_secs(5));
/// # drop(databases);
/// ```
pub struct Databases<DB: TenantBackend> {
    pub(super) opener: Arc<dyn OpenDatabase<DB>>,
    pub(super) max_open: usize,
    pub(super) connections: u32,
    pub(super) acquire_timeout: Duration,
}

impl<DB: TenantBackend> Databases<DB> {
    /// At most 100 pools of at most 4 connections, waited for 30 seconds.
    pub fn new(opener: impl OpenDatabase<DB>) -> Self {
        Self {
            opener: Arc::new(opener),
            max_open: 100,
            connections: 4,
            acquire_timeout: Duration::from_secs(30),
        }
    }

    /// How many tenants' pools may be open at once; at least one.
    #[must_use]
    pub fn max_open(mut self, pools: usize) -> Self {
        self.max_open = pools.max(1);
        self
    }

    /// How many connections a pool may have; at least one. All pools together never hold more than
    /// this times [`max_open`](Self::max_open).
    #[must_use]
    pub fn connections(mut self, per_pool: u32) -> Self {
        self.connections = per_pool.max(1);
        self
    }

    /// How long to wait for a place among the open pools, and then for one of its connections.
    #[must_use]
    pub fn acquire_timeout(mut self, wait: Duration) -> Self {
        self.acquire_timeout = wait;
        self
    }
}

impl<DB: TenantBackend> fmt::Debug for Databases<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Databases")
            .field("max_open", &self.max_open)
            .field("connections", &self.connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .finish_non_exhaustive()
    }
}
