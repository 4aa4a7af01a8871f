use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use saas_core::schema::quoted;
use saas_core::sql::Reads;
use saas_core::{Column, Deleted, DeletionId, Entity, Id, Nullability, SoftDeletes, TenantId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::parts;
use super::path::{Reference, Root};
use super::select::Lock;
use crate::{Error, Reachable, Result, Scope, TenantBackend, Tx, Writing};

/// A restore of one row and of what its deletion took along; awaiting it runs it.
pub struct Restoring<'t, DB: TenantBackend, S: Scope, E, L = E> {
    tx: &'t mut Tx<DB, S>,
    id: Id<E>,
    branches: Vec<Branch<DB>>,
    last: PhantomData<fn() -> L>,
}

/// What a restore did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// How many rows came back; 0 if the row was not deleted.
    pub rows: u64,
}

/// Rows that may have gone along: how to write their restore, and by which references they are found
/// from the row itself.
struct Branch<DB: TenantBackend> {
    path: Vec<Reference>,
    restore: fn(&Returning, &[Reference]) -> QueryBuilder<DB>,
}

/// A deletion being taken back for one row.
pub(super) struct Returning {
    pub(super) root: Root,
    pub(super) deletion: DeletionId,
    pub(super) now: DateTime<Utc>,
}

impl<DB: TenantBackend, S: Writing> Tx<DB, S> {
    /// Brings back the row with this id; a row that lives is left as it is.
    ///
    /// With [`cascade`](Restoring::cascade) it brings back exactly the rows that the same deletion
    /// took, not those deleted before it.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "customers", tenant, soft_delete)]
    /// # struct Customer { id: Id<Customer> }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "invoices", tenant, soft_delete)]
    /// # struct Invoice { id: Id<Invoice>, #[entity(references = Customer)] customer_id: Id<Customer> }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "lines", tenant, soft_delete)]
    /// # struct Line { id: Id<Line>, #[entity(references = Invoice)] invoice_id: Id<Invoice> }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>, id: Id<Customer>)
    /// # -> saas_tenancy::Result<()> {
    /// let tree = tx.soft_delete(id).cascade(Invoice::CUSTOMER_ID).then(Line::INVOICE_ID).await?;
    /// let back = tx.restore(id).cascade(Invoice::CUSTOMER_ID).then(Line::INVOICE_ID).await?;
    /// assert_eq!(back.rows, tree.rows);
    /// # Ok(()) }
    /// ```
    ///
    /// What is not soft-deleted cannot come back:
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note> }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>, id: Id<Note>) {
    /// tx.restore(id);
    /// # }
    /// ```
    ///
    /// # Errors
    /// Awaiting it: [`Error::NotFound`] if there is no such row, [`Error::Taken`] if one of its unique
    /// values has been taken meanwhile.
    pub fn restore<E>(&mut self, id: Id<E>) -> Restoring<'_, DB, S, E>
    where
        E: Reachable<S> + SoftDeletes,
    {
        Restoring { tx: self, id, branches: Vec::new(), last: PhantomData }
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity, L> Restoring<'t, DB, S, E, L> {
    /// Also brings back the rows that point to this one with `child` and went in the same deletion.
    #[must_use]
    pub fn cascade<C, N>(self, child: Column<C, Id<E>, N>) -> Restoring<'t, DB, S, E, C>
    where
        C: Reachable<S> + SoftDeletes,
        N: Nullability,
    {
        self.with::<C>(vec![Reference::of(child)])
    }

    /// Goes on from the last cascade: also brings back the rows that point with `child` to what that
    /// one leads to and went in the same deletion.
    #[must_use]
    pub fn then<C, N>(self, child: Column<C, Id<L>, N>) -> Restoring<'t, DB, S, E, C>
    where
        L: Entity,
        C: Reachable<S> + SoftDeletes,
        N: Nullability,
    {
        let mut path = self.branches.last().map_or_else(Vec::new, |branch| branch.path.clone());
        path.push(Reference::of(child));
        self.with::<C>(path)
    }

    fn with<C: Entity>(mut self, path: Vec<Reference>) -> Restoring<'t, DB, S, E, C> {
        self.branches.push(Branch { path, restore: statement::<DB, C> });
        Restoring { tx: self.tx, id: self.id, branches: self.branches, last: PhantomData }
    }

    async fn run(self) -> Result<Restored> {
        let (tenant, statements) = (self.tx.scope().tenant(), self.tx.statements());
        let row = self.tx.fetch_optional(found::<DB, E>(tenant, self.id)).await?;
        let row = row.ok_or(Error::NotFound { table: E::TABLE })?;
        let Some(deletion) = <DB as Reads<(Option<Uuid>,)>>::read(&row)?.0 else {
            return Ok(Restored { rows: 0 });
        };
        let (row, deletion) = (Some(self.id.uuid()), DeletionId::from_uuid(deletion));
        let root = Root { tenant, table: E::TABLE, row, taken_by: None };
        let back = Returning { root, deletion, now: self.tx.clock().now() };
        let own = Reference { table: E::TABLE, column: "id" };
        let own = Branch { path: vec![own], restore: statement::<DB, E> };
        let mut rows = 0;
        // In the order they were named: what leads to a row is back before it.
        for Branch { path, restore } in std::iter::once(own).chain(self.branches) {
            let table = path.last().map_or(E::TABLE, |reference| reference.table);
            let done = self.tx.execute(restore(&back, &path), statements).await;
            rows += done.map_err(Error::on(table))?;
        }
        Ok(Restored { rows })
    }
}
awaited!(Restoring<L> -> Restored);

/// `select deletion_id`, locking the row.
pub(super) fn found<DB: TenantBackend, E: Entity>(
    tenant: Option<TenantId>,
    id: Id<E>,
) -> QueryBuilder<DB> {
    let mut query = parts::begin("select \"deletion_id\" from ");
    query.push(quoted(E::TABLE));
    parts::push_scope::<DB, E>(&mut query, tenant, Deleted::With);
    parts::push_id(&mut query, id);
    DB::push_lock(&mut query, E::TABLE, Lock::Wait);
    query
}

/// `update … set deleted_at = null where` in scope, taken by this deletion, and on this path.
pub(super) fn statement<DB: TenantBackend, C: Entity>(
    back: &Returning,
    path: &[Reference],
) -> QueryBuilder<DB> {
    let mut query = parts::begin("update ");
    query.push(quoted(C::TABLE)).push(" set \"deleted_at\" = null, \"deletion_id\" = null");
    parts::push_touch::<DB, C>(&mut query, back.now);
    parts::push_scope::<DB, C>(&mut query, back.root.tenant, Deleted::Only);
    query.push(" and ").push(parts::column::<C>("deletion_id")).push(" = ");
    parts::push_uuid(&mut query, back.deletion.uuid());
    back.root.push_path(&mut query, path);
    query
}
