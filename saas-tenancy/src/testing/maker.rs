use std::collections::BTreeMap;
use std::fmt;

use saas_core::{Id, TenantId, TenantOwned};
use uuid::Uuid;

use super::attempts::Joined;
use crate::TenantBackend;

/// The parents that rows of a tenant can point to: tables and ids.
pub(super) type Parents = BTreeMap<&'static str, Uuid>;

/// How to join rows of `E` with their parents, by the parents' tables.
pub(super) type Joins<DB, E> = BTreeMap<&'static str, Joined<DB, E>>;

/// What a row is to be made with.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) tenant: TenantId,
    pub(super) id: Uuid,
    pub(super) number: u32,
    pub(super) parents: Parents,
}

/// Says of whom and with what a row is to be made.
///
/// Take from it the id, the tenant, the parents, and what must be unique: the kit asks for two rows
/// with the same number to see whether a tenant learns what another has.
pub struct Maker<'o, DB: TenantBackend, E> {
    order: &'o Order,
    joins: Joins<DB, E>,
    missing: Option<&'static str>,
}

impl<'o, DB: TenantBackend, E: TenantOwned> Maker<'o, DB, E> {
    pub(super) fn new(order: &'o Order) -> Self {
        Self { order, joins: BTreeMap::new(), missing: None }
    }

    /// The row's id.
    pub fn id(&self) -> Id<E> {
        Id::from_uuid(self.order.id)
    }

    /// Whose row it is.
    pub fn tenant(&self) -> TenantId {
        self.order.tenant
    }

    /// A number that is this row's alone.
    pub fn number(&self) -> u32 {
        self.order.number
    }

    /// A short text that is this row's alone.
    pub fn text(&self) -> String {
        format!("kit-{}", self.order.number)
    }

    /// A row of the same tenant to point to. Its entity must be registered before this one.
    pub fn parent<P: TenantOwned>(&mut self) -> Id<P> {
        self.joins.insert(P::TABLE, Joined::along::<P>());
        let parent = self.order.parents.get(P::TABLE);
        self.missing = self.missing.or(parent.is_none().then_some(P::TABLE));
        // Where there is none the kit stops before the row is used.
        Id::from_uuid(parent.copied().unwrap_or_default())
    }

    /// The table of a parent that is not there.
    pub(super) fn missing(&self) -> Option<&'static str> {
        self.missing
    }

    /// The parents that were asked for, and how to join them.
    pub(super) fn into_joins(self) -> Joins<DB, E> {
        self.joins
    }
}

impl<DB: TenantBackend, E> fmt::Debug for Maker<'_, DB, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maker").field("order", self.order).finish_non_exhaustive()
    }
}
