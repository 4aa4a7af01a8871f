use saas_core::schema::quoted;
use saas_core::sql::{Binds, Fragment};
use saas_core::{Column, Entity, Nullability};
use sqlx::QueryBuilder;

use super::parts::{self, Bound};
use crate::{Error, Result, TenantBackend};

/// Columns that only the statements themselves write.
pub(crate) const MANAGED: [&str; 7] =
    ["id", "tenant_id", "version", "created_at", "updated_at", "deleted_at", "deletion_id"];

/// What an update sets.
pub(super) struct Assignments<DB>(Vec<(&'static str, Box<dyn Fragment<DB>>)>);

impl<DB: TenantBackend> Assignments<DB> {
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    pub(super) fn set<E, T, N>(&mut self, column: Column<E, T, N>, value: N::Of<T>)
    where
        T: Send + Sync + 'static,
        N: Nullability,
        DB: Binds<N::Of<T>>,
    {
        self.0.push((column.name(), Box::new(Bound(value))));
    }

    /// Something is set, and nothing that is not the caller's to set: a row stays with its tenant.
    pub(super) fn check<E: Entity>(&self) -> Result<()> {
        let table = E::TABLE;
        if let Some((column, _)) = self.0.iter().find(|(name, _)| MANAGED.contains(name)) {
            return Err(Error::ManagedColumn { table, column });
        }
        if self.0.is_empty() {
            return Err(Error::NothingToSet { table });
        }
        Ok(())
    }

    /// `update … set`.
    pub(super) fn update<E: Entity>(&self) -> QueryBuilder<DB> {
        let mut query = parts::begin("update ");
        query.push(quoted(E::TABLE)).push(" set ");
        for (index, (name, value)) in self.0.iter().enumerate() {
            query.push(if index == 0 { "" } else { ", " }).push(quoted(name)).push(" = ");
            value.push_to(&mut query);
        }
        query
    }
}
