use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use saas_core::schema::quoted;
use saas_core::sql::Binds;
use saas_core::{Column, Deleted, Entity, Id, Nullability, SoftDeletes, TenantId};
use sqlx::QueryBuilder;

use super::parts;
use super::path::Reference;
use crate::{Error, Reachable, Result, Scope, TenantBackend, Tx, Writing};

/// One batch of rows that were soft-deleted long enough ago, being removed; awaiting it runs it.
pub struct Purging<'t, DB: TenantBackend, S: Scope, E, L = E> {
    tx: &'t mut Tx<DB, S>,
    batch: Batch,
    branches: Vec<Branch<DB>>,
    last: PhantomData<fn() -> (E, L)>,
}

/// What a batch of a purge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Purged {
    /// How many rows of the entity are gone; 0 when nothing is left to purge.
    pub rows: u64,
    /// How many rows of its cascades went with them.
    pub children: u64,
}

/// Rows that go along: by which references they are found from the batch, and how to write that.
struct Branch<DB: TenantBackend> {
    path: Vec<Reference>,
    purge: fn(&[Reference], Option<TenantId>, &Batch) -> QueryBuilder<DB>,
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
    /// go along with [`cascade`](Purging::cascade), and theirs with [`then`](Purging::then); others
    /// must be purged before it, and a child that lives makes the batch fail.
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
    /// # async fn example(
    /// #     db: saas_tenancy::TenantDb<sqlx::Postgres>,
    /// #     tenant: saas_core::TenantId,
    /// #     before: chrono::DateTime<chrono::Utc>,
    /// # ) -> saas_tenancy::Result<()> {
    /// loop {
    ///     let mut tx = db.tenant(tenant).await?;
    ///     let purge = tx.purge::<Customer>(before);
    ///     let purged = purge.cascade(Invoice::CUSTOMER_ID).then(Line::INVOICE_ID).await?;
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
        let batch = Batch { before, limit: DEFAULT_BATCH };
        Purging { tx: self, batch, branches: Vec::new(), last: PhantomData }
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity, L> Purging<'t, DB, S, E, L> {
    /// At most this many rows of `E` in this batch, instead of 1,000.
    #[must_use]
    pub fn limit(mut self, rows: u32) -> Self {
        self.batch.limit = rows;
        self
    }

    /// Removes before them the soft-deleted rows that point to them with `child`.
    ///
    /// What is named last goes first, so the chain that deleted or restored a tree also purges it.
    #[must_use]
    pub fn cascade<C, N>(self, child: Column<C, Id<E>, N>) -> Purging<'t, DB, S, E, C>
    where
        C: Reachable<S> + SoftDeletes,
        N: Nullability,
    {
        self.with(vec![Reference::of(child)])
    }

    /// Goes on from the last cascade: removes before what that one takes the soft-deleted rows that
    /// point to it with `child`.
    #[must_use]
    pub fn then<C, N>(self, child: Column<C, Id<L>, N>) -> Purging<'t, DB, S, E, C>
    where
        L: Entity,
        C: Reachable<S> + SoftDeletes,
        N: Nullability,
    {
        let mut path = self.branches.last().map_or_else(Vec::new, |branch| branch.path.clone());
        path.push(Reference::of(child));
        self.with(path)
    }

    fn with<C: Entity>(mut self, path: Vec<Reference>) -> Purging<'t, DB, S, E, C> {
        self.branches.push(Branch { path, purge: purge_branch::<DB, C, E> });
        Purging { tx: self.tx, batch: self.batch, branches: self.branches, last: PhantomData }
    }

    async fn run(self) -> Result<Purged> {
        let (tenant, statements) = (self.tx.scope().tenant(), self.tx.statements());
        let mut purged = Purged { rows: 0, children: 0 };
        // What points to a row is gone before it.
        for Branch { path, purge } in self.branches.into_iter().rev() {
            let table = path.last().map_or(E::TABLE, |reference| reference.table);
            let done = self.tx.execute(purge(&path, tenant, &self.batch), statements).await;
            purged.children += done.map_err(Error::on(table))?;
        }
        let query = statement::<DB, E>(tenant, &self.batch);
        purged.rows = self.tx.execute(query, statements).await.map_err(Error::on(E::TABLE))?;
        Ok(purged)
    }
}
awaited!(Purging<L> -> Purged);

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

/// `delete from` the table at the end of a path what was soft-deleted and leads into the batch.
pub(super) fn purge_branch<DB: TenantBackend, C: Entity, E: Entity>(
    path: &[Reference],
    tenant: Option<TenantId>,
    batch: &Batch,
) -> QueryBuilder<DB> {
    let mut query = parts::begin("delete from ");
    query.push(quoted(C::TABLE));
    parts::push_scope::<DB, C>(&mut query, tenant, Deleted::Only);
    push_path::<DB, E>(&mut query, path, tenant, batch);
    query
}

/// ` and` the last reference leads, through rows that were soft-deleted as well, into the batch.
fn push_path<DB: TenantBackend, E: Entity>(
    query: &mut QueryBuilder<DB>,
    path: &[Reference],
    tenant: Option<TenantId>,
    batch: &Batch,
) {
    let Some((last, before)) = path.split_last() else { return };
    query.push(" and ").push(parts::in_table(last.table, last.column));
    let Some(parent) = before.last() else { return push_batch::<DB, E>(query, tenant, batch) };
    query.push(" in (select ").push(parts::in_table(parent.table, "id"));
    query.push(" from ").push(quoted(parent.table));
    parts::push_scope_of(query, parent.table, tenant, Deleted::Only);
    push_path::<DB, E>(query, before, tenant, batch);
    query.push(")");
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
