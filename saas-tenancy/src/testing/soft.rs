use std::marker::PhantomData;

use saas_core::{ColumnDef, Entity, Id, Owner, SoftDeletes, TenantId, TenantOwned};
use uuid::Uuid;

/// `E` as an entity that is soft-deleted, for code that learns only when it runs whether it is.
pub(super) struct Soft<E>(Uuid, PhantomData<fn() -> E>);

impl<E: Entity> Entity for Soft<E> {
    const TABLE: &'static str = E::TABLE;
    const OWNER: Owner = E::OWNER;
    const COLUMNS: &'static [ColumnDef] = E::COLUMNS;
    const SELECT: &'static str = E::SELECT;
    const SOFT_DELETES: bool = E::SOFT_DELETES;
    const TIMESTAMPED: bool = E::TIMESTAMPED;
    const VERSIONED: bool = E::VERSIONED;
    const UNIQUE: &'static [&'static [&'static str]] = E::UNIQUE;

    fn id(&self) -> Id<Self> {
        Id::from_uuid(self.0)
    }
}

impl<E: TenantOwned> TenantOwned for Soft<E> {
    fn tenant(&self) -> Option<TenantId> {
        None
    }
}

impl<E: Entity> SoftDeletes for Soft<E> {}
