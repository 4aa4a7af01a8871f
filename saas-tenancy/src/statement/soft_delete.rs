use std::marker::PhantomData;

use saas_core::sql::{Condition, Fragment};
use saas_core::{Column, DeletionId, Entity, Id, Nullability, SoftDeletes};
use sqlx::QueryBuilder;

use super::cascade::{Cascade, Deletion, Taking, cascades};
use super::parts;
use crate::{Error, Reachable, Result, Scope, TenantBackend, Tx, Writing};

/// A soft delete of one row and of what goes with it; awaiting it runs it.
pub struct Deleting<'t, DB: TenantBackend, S: Scope, E, L = E> {
    tx: &'t mut Tx<DB, S>,
    id: Id<E>,
    cascades: Vec<Cascade<DB>>,
    last: PhantomData<fn() -> L>,
}

impl<DB: TenantBackend, S: Writing> Tx<DB, S> {
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
    ///
    /// A cascade takes one level of children; [`then`](Deleting::then) goes on to theirs.
    ///
    /// What is not soft-deleted does not compile, neither as the row nor as what goes along, nor does
    /// a child of another entity:
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, body: String, due: Option<i32> }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>, id: Id<Note>) {
    /// tx.soft_delete(id);
    /// # }
    /// ```
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "customers", tenant, soft_delete)]
    /// # struct Customer { id: Id<Customer> }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, customer_id: Id<Customer> }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "tasks", tenant, soft_delete)]
    /// # struct Task { id: Id<Task>, note_id: Id<Note> }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>, id: Id<Customer>) {
    /// tx.soft_delete(id).cascade(Note::CUSTOMER_ID);
    /// # }
    /// ```
    ///
    /// ```compile_fail,E0308
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "customers", tenant, soft_delete)]
    /// # struct Customer { id: Id<Customer> }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, customer_id: Id<Customer> }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "tasks", tenant, soft_delete)]
    /// # struct Task { id: Id<Task>, note_id: Id<Note> }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>, id: Id<Customer>) {
    /// tx.soft_delete(id).cascade(Task::NOTE_ID);
    /// # }
    /// ```
    ///
    /// # Errors
    /// Awaiting it: [`Error::NotFound`] if no such row lives.
    pub fn soft_delete<E>(&mut self, id: Id<E>) -> Deleting<'_, DB, S, E>
    where
        E: Reachable<S> + SoftDeletes,
    {
        Deleting { tx: self, id, cascades: Vec::new(), last: PhantomData }
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity, L> Deleting<'t, DB, S, E, L> {
    cascades!(Deleting);

    fn with<C>(mut self, cascade: Cascade<DB>) -> Deleting<'t, DB, S, E, C> {
        self.cascades.push(cascade);
        Deleting { tx: self.tx, id: self.id, cascades: self.cascades, last: PhantomData }
    }

    async fn run(self) -> Result<Deletion> {
        let (tenant, statements) = (self.tx.scope().tenant(), self.tx.statements());
        let taking = Taking { tenant, deletion: DeletionId::new(), now: self.tx.clock().now() };
        let mut rows = self.tx.execute(statement::<DB, E>(&taking, self.id), statements).await?;
        if rows == 0 {
            return Err(Error::NotFound { table: E::TABLE });
        }
        rows += taking.cascade(self.tx, &self.cascades, taking.root(Some(self.id))).await?;
        Ok(Deletion { id: taking.deletion, rows })
    }
}
awaited!(Deleting<L> -> Deletion);

pub(super) fn statement<DB: TenantBackend, E: Entity>(
    taking: &Taking,
    id: Id<E>,
) -> QueryBuilder<DB> {
    let mut query = taking.update::<DB, E>();
    parts::push_id(&mut query, id);
    query
}
