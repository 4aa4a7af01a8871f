use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use chrono::{DateTime, Utc};
use saas_core::schema::quoted;
use saas_core::sql::Reads;
use saas_core::{Column, Deleted, DeletionId, Entity, Id, Nullability, SoftDeletes, TenantId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::parts;
use crate::{Error, Reachable, Result, Scope, TenantBackend, Tx};

/// A restore of one row and of what its deletion took along; awaiting it runs it.
pub struct Restoring<'t, DB: TenantBackend, S: Scope, E> {
    tx: &'t mut Tx<DB, S>,
    id: Id<E>,
    children: Vec<Child<DB>>,
}

/// What a restore did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// How many rows came back; 0 if the row was not deleted.
    pub rows: u64,
}

/// A table whose rows may have gone along, and how to write their restore.
struct Child<DB: TenantBackend> {
    table: &'static str,
    column: &'static str,
    restore: PushRestore<DB>,
}

/// [`push_restore`] of one entity.
type PushRestore<DB> =
    fn(&'static str, Option<TenantId>, Uuid, DeletionId, DateTime<Utc>) -> QueryBuilder<DB>;

impl<DB: TenantBackend, S: Scope> Tx<DB, S> {
    /// Brings back the row with this id; a row that lives is left as it is.
    ///
    /// With [`cascade`](Restoring::cascade) it brings back exactly the rows that the same deletion
    /// took, not those deleted before it.
    pub fn restore<E>(&mut self, id: Id<E>) -> Restoring<'_, DB, S, E>
    where
        E: Reachable<S> + SoftDeletes,
    {
        Restoring { tx: self, id, children: Vec::new() }
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity> Restoring<'t, DB, S, E> {
    /// Also brings back the rows that point to this one with `child` and went in the same deletion.
    #[must_use]
    pub fn cascade<C, N>(mut self, child: Column<C, Id<E>, N>) -> Self
    where
        C: Reachable<S> + SoftDeletes,
        N: Nullability,
    {
        self.children.push(Child {
            table: C::TABLE,
            restore: push_restore::<DB, C>,
            column: child.name(),
        });
        self
    }

    async fn run(self) -> Result<Restored> {
        let (tenant, statements) = (self.tx.scope().tenant(), self.tx.statements());
        let mut query = QueryBuilder::new("select \"deletion_id\" from ");
        query.push(quoted(E::TABLE));
        parts::push_scope::<DB, E>(&mut query, tenant, Deleted::With);
        parts::push_id(&mut query, self.id);
        DB::push_for_update(&mut query);
        let row = self.tx.fetch_optional(query).await?;
        let row = row.ok_or(Error::NotFound { table: E::TABLE })?;
        let Some(deletion) = <DB as Reads<(Option<Uuid>,)>>::read(&row)?.0 else {
            return Ok(Restored { rows: 0 });
        };
        let own = Child { table: E::TABLE, restore: push_restore::<DB, E>, column: "id" };
        let mut rows = 0;
        for child in std::iter::once(own).chain(self.children) {
            let (parent, deletion) = (self.id.uuid(), DeletionId::from_uuid(deletion));
            let now = self.tx.clock().now();
            let query = (child.restore)(child.column, tenant, parent, deletion, now);
            rows += self.tx.execute(query, statements).await.map_err(Error::on(child.table))?;
        }
        Ok(Restored { rows })
    }
}

/// `update … set deleted_at = null where` in scope, taken by this deletion, and `column` = parent.
fn push_restore<DB: TenantBackend, E: Entity>(
    column: &'static str,
    tenant: Option<TenantId>,
    parent: Uuid,
    deletion: DeletionId,
    now: DateTime<Utc>,
) -> QueryBuilder<DB> {
    let mut query = QueryBuilder::new("update ");
    query.push(quoted(E::TABLE)).push(" set \"deleted_at\" = null, \"deletion_id\" = null");
    parts::push_touch::<DB, E>(&mut query, now);
    parts::push_scope::<DB, E>(&mut query, tenant, Deleted::Only);
    query.push(" and ").push(parts::column::<E>(column)).push(" = ");
    parts::push_uuid(&mut query, parent);
    query.push(" and ").push(parts::column::<E>("deletion_id")).push(" = ");
    parts::push_uuid(&mut query, deletion.uuid());
    query
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity> IntoFuture for Restoring<'t, DB, S, E> {
    type Output = Result<Restored>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 't>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<DB: TenantBackend, S: Scope, E: Entity> fmt::Debug for Restoring<'_, DB, S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restoring")
            .field("table", &E::TABLE)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
