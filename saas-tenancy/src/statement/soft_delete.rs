use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use chrono::{DateTime, Utc};
use saas_core::schema::quoted;
use saas_core::sql::{Binds, Condition, Fragment};
use saas_core::{Column, Deleted, DeletionId, Entity, Id, Nullability, SoftDeletes, TenantId};
use sqlx::QueryBuilder;

use super::parts;
use crate::{Error, Reachable, Result, Scope, TenantBackend, Tx};

/// A soft delete of one row and of what goes with it; awaiting it runs it.
pub struct Deleting<'t, DB: TenantBackend, S: Scope, E> {
    tx: &'t mut Tx<DB, S>,
    id: Id<E>,
    cascades: Vec<Cascade<DB>>,
}

/// What a soft delete did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deletion {
    /// Names this deletion; every row it took carries it.
    pub id: DeletionId,
    /// How many rows it took, the one asked for among them.
    pub rows: u64,
}

/// Writes the update of the children that go with a parent.
type Cascade<DB> = Box<
    dyn Fn(Option<TenantId>, uuid::Uuid, DeletionId, DateTime<Utc>) -> QueryBuilder<DB>
        + Send
        + Sync,
>;

impl<DB: TenantBackend, S: Scope> Tx<DB, S> {
    /// Marks the row with this id as deleted, if it lives.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "customers", tenant, soft_delete)]
    /// # struct Customer { id: Id<Customer> }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "invoices", tenant, soft_delete)]
    /// # struct Invoice { id: Id<Invoice>, #[entity(references = Customer)] customer_id: Id<Customer> }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>, id: Id<Customer>)
    /// # -> saas_tenancy::Result<()> {
    /// let deletion = tx.soft_delete(id).cascade(Invoice::CUSTOMER_ID).await?;
    /// let restored = tx.restore(id).cascade(Invoice::CUSTOMER_ID).await?;
    /// assert_eq!(restored.rows, deletion.rows);
    /// # Ok(()) }
    /// ```
    pub fn soft_delete<E>(&mut self, id: Id<E>) -> Deleting<'_, DB, S, E>
    where
        E: Reachable<S> + SoftDeletes,
    {
        Deleting { tx: self, id, cascades: Vec::new() }
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity> Deleting<'t, DB, S, E> {
    /// Takes the living rows that point to this one with `child` along, under the same deletion.
    #[must_use]
    pub fn cascade<C, N>(mut self, child: Column<C, Id<E>, N>) -> Self
    where
        C: Reachable<S> + SoftDeletes,
        N: Nullability,
    {
        self.cascades.push(Box::new(move |tenant, parent, deletion, now| {
            deletion_of_children::<DB, C>(child.name(), tenant, parent, deletion, now)
        }));
        self
    }

    /// The same for those rows for which the condition holds; the others stay.
    #[must_use]
    pub fn cascade_if<C, N>(
        mut self,
        child: Column<C, Id<E>, N>,
        condition: impl Condition<Entity = C> + Fragment<DB> + 'static,
    ) -> Self
    where
        C: Reachable<S> + SoftDeletes,
        N: Nullability,
    {
        self.cascades.push(Box::new(move |tenant, parent, deletion, now| {
            let mut query =
                deletion_of_children::<DB, C>(child.name(), tenant, parent, deletion, now);
            query.push(" and (");
            condition.push_to(&mut query);
            query.push(")");
            query
        }));
        self
    }

    async fn run(self) -> Result<Deletion> {
        let (tenant, statements) = (self.tx.scope().tenant(), self.tx.statements());
        let (now, deletion) = (self.tx.clock().now(), DeletionId::new());
        let mut query = push_deletion::<DB, E>(tenant, deletion, now);
        parts::push_id(&mut query, self.id);
        let mut rows = self.tx.execute(query, statements).await?;
        if rows == 0 {
            return Err(Error::NotFound { table: E::TABLE });
        }
        for cascade in &self.cascades {
            let query = cascade(tenant, self.id.uuid(), deletion, now);
            rows += self.tx.execute(query, statements).await?;
        }
        Ok(Deletion { id: deletion, rows })
    }
}

/// `update … set deleted_at, deletion_id where` in scope and living.
fn push_deletion<DB: TenantBackend, E: Entity>(
    tenant: Option<TenantId>,
    deletion: DeletionId,
    now: DateTime<Utc>,
) -> QueryBuilder<DB> {
    let mut query = QueryBuilder::new("update ");
    query.push(quoted(E::TABLE)).push(" set \"deleted_at\" = ");
    <DB as Binds<DateTime<Utc>>>::push_bind(&mut query, &now);
    query.push(", \"deletion_id\" = ");
    parts::push_uuid(&mut query, deletion.uuid());
    parts::push_touch::<DB, E>(&mut query, now);
    parts::push_scope::<DB, E>(&mut query, tenant, Deleted::Without);
    query
}

fn deletion_of_children<DB: TenantBackend, C: Entity>(
    child: &'static str,
    tenant: Option<TenantId>,
    parent: uuid::Uuid,
    deletion: DeletionId,
    now: DateTime<Utc>,
) -> QueryBuilder<DB> {
    let mut query = push_deletion::<DB, C>(tenant, deletion, now);
    query.push(" and ").push(parts::column::<C>(child)).push(" = ");
    parts::push_uuid(&mut query, parent);
    query
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity> IntoFuture for Deleting<'t, DB, S, E> {
    type Output = Result<Deletion>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 't>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<DB: TenantBackend, S: Scope, E: Entity> fmt::Debug for Deleting<'_, DB, S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deleting")
            .field("table", &E::TABLE)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
