use saas_core::{Entity, Global as GlobalEntity, TenantId, TenantOwned};

use crate::Across;

/// Whose rows a transaction reaches: [`Tenant`], [`Global`] or [`Across`]. Sealed.
pub trait Scope: sealed::Sealed + Copy + Send + Sync + std::fmt::Debug + 'static {
    /// The tenant, where there is one.
    #[doc(hidden)]
    fn tenant(self) -> Option<TenantId>;
}

/// A scope in which rows can be written; [`Across`] is none. Sealed.
#[diagnostic::on_unimplemented(
    message = "nothing is written in the scope `{Self}`",
    note = "whoever writes does so as the tenant: `TenantDb::tenant`"
)]
pub trait Writing: Scope {}

impl Writing for Tenant {}
impl Writing for Global {}

/// One tenant's rows.
#[derive(Debug, Clone, Copy)]
pub struct Tenant(pub(crate) TenantId);

/// Rows that belong to nobody in particular. A tenant's entity does not compile here:
///
/// ```compile_fail,E0277
/// # use saas_core::{Entity, Id};
/// # #[derive(Entity, sqlx::FromRow)]
/// # #[entity(table = "invoices", tenant)]
/// # struct Invoice { id: Id<Invoice> }
/// async fn all_invoices(mut tx: saas_tenancy::GlobalTx<sqlx::Sqlite>) {
///     tx.select::<Invoice>();
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Global;

impl Scope for Tenant {
    fn tenant(self) -> Option<TenantId> {
        Some(self.0)
    }
}

impl Scope for Global {
    fn tenant(self) -> Option<TenantId> {
        None
    }
}

impl Scope for Across {
    fn tenant(self) -> Option<TenantId> {
        None
    }
}

/// An entity that a scope reaches: a tenant's in [`Tenant`], a global one in [`Global`], and both in
/// [`Across`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be reached in the scope `{S}`",
    note = "a tenant's entity is reached by `TenantDb::tenant` or `TenantDb::read`, a global one by `TenantDb::global`"
)]
pub trait Reachable<S: Scope>: Entity {
    /// The tenant that a row itself names.
    #[doc(hidden)]
    fn named_tenant(&self) -> Option<TenantId>;
}

impl<E: TenantOwned> Reachable<Tenant> for E {
    fn named_tenant(&self) -> Option<TenantId> {
        self.tenant()
    }
}

impl<E: GlobalEntity> Reachable<Global> for E {
    fn named_tenant(&self) -> Option<TenantId> {
        None
    }
}

impl<E: Entity> Reachable<Across> for E {
    fn named_tenant(&self) -> Option<TenantId> {
        None
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Tenant {}
    impl Sealed for super::Global {}
    impl Sealed for crate::Across {}
}
