use sqlx::Pool;

use super::pools::Lease;
use crate::TenantBackend;

/// The pool that a scope's connections come from, kept open while this value lives.
pub(crate) struct Home<DB: TenantBackend> {
    pub(crate) pool: Pool<DB>,
    /// Of a tenant's own pool, which must not be closed meanwhile.
    pub(super) lease: Option<Lease<DB>>,
}

impl<DB: TenantBackend> Home<DB> {
    /// A pool that nobody closes behind its users' backs.
    pub(crate) fn shared(pool: Pool<DB>) -> Self {
        Self { pool, lease: None }
    }

    /// What must live as long as the last connection of it.
    pub(crate) fn into_lease(self) -> Option<Lease<DB>> {
        self.lease
    }
}
