//! A soft deletion and the rows that go with it, whether of one parent or of many.

use chrono::{DateTime, Utc};
use saas_core::schema::quoted;
use saas_core::sql::{Binds, Condition, Fragment};
use saas_core::{Column, Deleted, DeletionId, Entity, Id, TenantId};
use sqlx::QueryBuilder;

use super::parts;
use super::path::{Reference, Root};
use crate::{Result, Scope, TenantBackend, Tx};

/// What a soft delete did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deletion {
    /// Names this deletion; every row it took carries it.
    pub id: DeletionId,
    /// How many rows it took: those asked for and those of its cascades.
    pub rows: u64,
}

/// A deletion on its way.
pub(super) struct Taking {
    pub(super) tenant: Option<TenantId>,
    pub(super) deletion: DeletionId,
    pub(super) now: DateTime<Utc>,
}

impl Taking {
    /// `update … set deleted_at, deletion_id where` in scope and living.
    pub(super) fn update<DB: TenantBackend, E: Entity>(&self) -> QueryBuilder<DB> {
        let mut query = parts::begin("update ");
        query.push(quoted(E::TABLE)).push(" set \"deleted_at\" = ");
        <DB as Binds<DateTime<Utc>>>::push_bind(&mut query, &self.now);
        query.push(", \"deletion_id\" = ");
        parts::push_uuid(&mut query, self.deletion.uuid());
        parts::push_touch::<DB, E>(&mut query, self.now);
        parts::push_scope::<DB, E>(&mut query, self.tenant, Deleted::Without);
        query
    }

    /// Runs the cascades, after what they begin with is taken: one row, or rows of a table.
    pub(super) async fn cascade<DB: TenantBackend, S: Scope>(
        &self,
        tx: &mut Tx<DB, S>,
        cascades: &[Cascade<DB>],
        root: Root,
    ) -> Result<u64> {
        let (mut rows, statements) = (0, tx.statements());
        for cascade in cascades {
            rows += tx.execute(cascade.statement(self, &root), statements).await?;
        }
        Ok(rows)
    }

    /// One row, or without it all rows of a table that this deletion took.
    pub(super) fn root<E: Entity>(&self, row: Option<Id<E>>) -> Root {
        let (tenant, table, row) = (self.tenant, E::TABLE, row.map(Id::uuid));
        Root { tenant, table, row, taken_by: Some(self.deletion) }
    }
}

/// Rows that go along.
pub(super) struct Cascade<DB: TenantBackend> {
    path: Vec<Reference>,
    update: fn(&Taking) -> QueryBuilder<DB>,
    condition: Option<Box<dyn Fragment<DB>>>,
}

impl<DB: TenantBackend> Cascade<DB> {
    /// Those that point with `child` to what the cascade before it took, or to what is asked for.
    pub(super) fn along<C: Entity, P, N>(
        before: Option<&Self>,
        child: Column<C, Id<P>, N>,
    ) -> Self {
        let mut path = before.map_or_else(Vec::new, |before| before.path.clone());
        path.push(Reference::of(child));
        Self { path, update: Taking::update::<DB, C>, condition: None }
    }

    pub(super) fn only_if(mut self, condition: impl Condition + Fragment<DB> + 'static) -> Self {
        self.condition = Some(Box::new(condition));
        self
    }

    pub(super) fn statement(&self, taking: &Taking, root: &Root) -> QueryBuilder<DB> {
        let mut query = (self.update)(taking);
        root.push_path(&mut query, &self.path);
        parts::push_filters(&mut query, self.condition.as_slice());
        query
    }
}

/// The methods of a builder that say what goes along. `$name<…, L>` knows the entity that the last
/// of them led to.
macro_rules! cascades {
    ($name:ident) => {
        /// Takes the living rows along that point with `child` to what is deleted, under the same
        /// deletion.
        #[must_use]
        pub fn cascade<C, N>(self, child: Column<C, Id<E>, N>) -> $name<'t, DB, S, E, C>
        where
            C: Reachable<S> + SoftDeletes,
            N: Nullability,
        {
            self.with(Cascade::along(None, child))
        }

        /// The same for those rows for which the condition holds; the others stay.
        #[must_use]
        pub fn cascade_if<C, N>(
            self,
            child: Column<C, Id<E>, N>,
            condition: impl Condition<Entity = C> + Fragment<DB> + 'static,
        ) -> $name<'t, DB, S, E, C>
        where
            C: Reachable<S> + SoftDeletes,
            N: Nullability,
        {
            self.with(Cascade::along(None, child).only_if(condition))
        }

        /// Goes on from the last cascade: takes the living rows along that point with `child` to what
        /// that one took. Each call is one level deeper; a second branch begins with its
        /// [`cascade`](Self::cascade) again.
        #[must_use]
        pub fn then<C, N>(self, child: Column<C, Id<L>, N>) -> $name<'t, DB, S, E, C>
        where
            L: Entity,
            C: Reachable<S> + SoftDeletes,
            N: Nullability,
        {
            let cascade = Cascade::along(self.cascades.last(), child);
            self.with(cascade)
        }
    };
}
pub(super) use cascades;
