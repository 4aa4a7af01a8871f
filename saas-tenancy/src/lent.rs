//! A connection that was lent for SQL by hand, on its way back to the pool.

use std::sync::Arc;

use saas_core::TenantId;

use crate::{Isolation, Options};

/// What is to be known of a transaction to take its connection back from SQL by hand.
#[derive(Debug, Clone)]
pub struct Lent {
    /// Whose transaction it is.
    pub tenant: Option<TenantId>,
    /// What its session was like before, if anybody looked.
    pub session: Option<Arc<Session>>,
}

impl Lent {
    pub(crate) fn new(tenant: Option<TenantId>, options: &Options) -> Self {
        // A tenant's own pool has no hooks that could have changed its sessions after their start.
        let own = tenant.is_some() && options.isolation == Isolation::Database;
        Self { tenant, session: options.session.clone().filter(|_| !own) }
    }
}

/// What a pool's sessions are like when nobody has changed them.
#[derive(Debug)]
pub struct Session {
    /// The values of their settings; on SQLite, what differs from its own defaults.
    pub values: Vec<String>,
    /// What sets them back, where that is done.
    pub restore: String,
}

/// How a connection comes back.
#[derive(Debug)]
pub struct Returned {
    /// What SQL by hand had left on it.
    pub left: Vec<String>,
    /// Whether all of it was taken back.
    pub reusable: bool,
}
