use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use saas_core::schema::quoted;
use saas_core::sql::Binds;
use saas_core::{Column, Deleted, Entity, Id, Nullability, SoftDeletes, TenantId};
use sqlx::QueryBuilder;

use super::parts;
use crate::{Error, Reachable, Result, Scope, TenantBackend, Tx, Writing};

/// One batch of rows that were soft-deleted long enough ago, being removed; awaiting it runs it.
pub struct Purging<'t, DB: TenantBackend, S: Scope, E> {
    tx: &'t mut Tx<DB, S>,
    before: DateTime<Utc>,
    limit: u32,
    children: Vec<Child<DB>>,
    of: PhantomData<fn() -> E>,
}

/// What a batch of a purge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Purged {
    /// How many rows of the entity are gone; 0 when nothing is left to purge.
    pub rows: u64,
    /// How many rows of declared children went with them.
    pub children: u64,
}

/// A table whose rows go along, and how to write that.
struct Child<DB: TenantBackend> {
    table: &'static str,
    column: &'static str,
    push: fn(&'static str, Option<TenantId>, &Batch) -> QueryBuilder<DB>,
}

pub(super) struct Batch {
    pub(super) before: DateTime<Utc>,
    pub(super) limit: u32,
}

/// Small enough to hold its locks for a moment only.
const DEFAULT_BATCH: u32 = 1000;

impl<DB: TenantBackend, S: Writing> Tx<DB, S> {
    /// Removes for good what was soft-deleted before a moment, the oldest first, one batch to a call.
    ///
    /// A row that others still point to is not removed. Children that were soft-deleted themselves
    /// go along with [`cascade`](Purging::cascade); others must be purged before it, and a child
    /// that lives makes the batch fail.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "customers", tenant, soft_delete)]
    /// # struct Customer { id: Id<Customer> }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "invoices", tenant, soft_delete)]
    /// # struct Invoice { id: Id<Invoice>, #[entity(references = Customer)] customer_id: Id<Customer> }
    /// # async fn example(
    /// #     db: saas_tenancy::TenantDb<sqlx::Postgres>,
    /// #     tenant: saas_core::TenantId,
    /// #     before: chrono::DateTime<chrono::Utc>,
    /// # ) -> saas_tenancy::Result<()> {
    /// loop {
    ///     let mut tx = db.tenant(tenant).await?;
    ///     let purged = tx.purge::<Customer>(before).cascade(Invoice::CUSTOMER_ID).await?;
    ///     tx.commit().await?;
    ///     if purged.rows == 0 {
    ///         break;
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// What is not soft-deleted does not compile:
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, body: String, due: Option<i32> }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>) {
    /// tx.purge::<Note>(chrono::Utc::now());
    /// # }
    /// ```
    ///
    /// # Errors
    /// Awaiting it: [`Error::BrokenReference`] if a row is still pointed to.
    pub fn purge<E>(&mut self, before: DateTime<Utc>) -> Purging<'_, DB, S, E>
    where
        E: Reachable<S> + SoftDeletes,
    {
        let (limit, children) = (DEFAULT_BATCH, Vec::new());
        Purging { tx: self, before, limit, children, of: PhantomData }
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity> Purging<'t, DB, S, E> {
    /// At most this many rows of `E` in this batch, instead of 1,000.
    #[must_use]
    pub fn limit(mut self, rows: u32) -> Self {
        self.limit = rows;
        self
    }

    /// Removes before them the soft-deleted rows that point to them with `child`.
    #[must_use]
    pub fn cascade<C, N>(mut self, child: Column<C, Id<E>, N>) -> Self
    where
        C: Reachable<S> + SoftDeletes,
        N: Nullability,
    {
        let (table, column) = (C::TABLE, child.name());
        self.children.push(Child { table, column, push: purge_children::<DB, C, E> });
        self
    }

    async fn run(self) -> Result<Purged> {
        let (tenant, statements) = (self.tx.scope().tenant(), self.tx.statements());
        let batch = Batch { before: self.before, limit: self.limit };
        let mut purged = Purged { rows: 0, children: 0 };
        for Child { table, column, push } in self.children {
            let query = push(column, tenant, &batch);
            let rows = self.tx.execute(query, statements).await.map_err(Error::on(table))?;
            purged.children += rows;
        }
        let query = statement::<DB, E>(tenant, &batch);
        purged.rows = self.tx.execute(query, statements).await.map_err(Error::on(E::TABLE))?;
        Ok(purged)
    }
}
awaited!(Purging -> Purged);

/// `delete from` the entity's own table. It says twice how old the deletion is: a row that came back
/// while the statement waited for it stays.
pub(super) fn statement<DB: TenantBackend, E: Entity>(
    tenant: Option<TenantId>,
    batch: &Batch,
) -> QueryBuilder<DB> {
    let mut query = parts::begin("delete from ");
    query.push(quoted(E::TABLE));
    push_old::<DB, E>(&mut query, tenant, batch);
    query.push(" and ").push(parts::column::<E>("id"));
    push_batch::<DB, E>(&mut query, tenant, batch);
    query
}

/// `delete from` a child's table what was soft-deleted and points into the batch of parents.
pub(super) fn purge_children<DB: TenantBackend, C: Entity, E: Entity>(
    column: &'static str,
    tenant: Option<TenantId>,
    batch: &Batch,
) -> QueryBuilder<DB> {
    let mut query = parts::begin("delete from ");
    query.push(quoted(C::TABLE));
    parts::push_scope::<DB, C>(&mut query, tenant, Deleted::Only);
    query.push(" and ").push(parts::column::<C>(column));
    push_batch::<DB, E>(&mut query, tenant, batch);
    query
}

/// ` in (` the ids of the oldest deleted rows`)`.
fn push_batch<DB: TenantBackend, E: Entity>(
    query: &mut QueryBuilder<DB>,
    tenant: Option<TenantId>,
    batch: &Batch,
) {
    query.push(" in (select ").push(parts::column::<E>("id")).push(" from ").push(quoted(E::TABLE));
    push_old::<DB, E>(query, tenant, batch);
    query.push(" order by ").push(parts::column::<E>("deleted_at"));
    query.push(", ").push(parts::column::<E>("id")).push(" limit ").push(batch.limit).push(")");
}

fn push_old<DB: TenantBackend, E: Entity>(
    query: &mut QueryBuilder<DB>,
    tenant: Option<TenantId>,
    batch: &Batch,
) {
    parts::push_scope::<DB, E>(query, tenant, Deleted::With);
    query.push(" and ").push(parts::column::<E>("deleted_at")).push(" < ");
    <DB as Binds<DateTime<Utc>>>::push_bind(query, &batch.before);
}
