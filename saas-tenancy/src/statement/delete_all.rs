use std::marker::PhantomData;

use saas_core::schema::quoted;
use saas_core::{Deleted, Entity, SoftDeletes, TenantId};
use sqlx::QueryBuilder;

use super::parts;
use super::which::{Which, which_rows};
use crate::{Error, Reachable, Result, Scope, TenantBackend, Tx, Writing};

/// A delete of many rows; awaiting it runs it and says how many there were.
pub struct DeleteAll<'t, DB: TenantBackend, S: Scope, E> {
    tx: &'t mut Tx<DB, S>,
    deleted: Deleted,
    which: Which<DB>,
    of: PhantomData<fn() -> E>,
}

impl<DB: TenantBackend, S: Writing> Tx<DB, S> {
    /// Removes all living rows of `E` that a filter names, for good.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "invoices", tenant)]
    /// # struct Invoice { id: Id<Invoice>, status: String }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>) -> saas_tenancy::Result<()> {
    /// let rows = tx.delete_all::<Invoice>().filter(Invoice::STATUS.eq("draft")).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// A condition on another entity does not compile:
    ///
    /// ```compile_fail,E0271
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "customers", tenant)]
    /// # struct Customer { id: Id<Customer>, email: String }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, customer_id: Id<Customer>, body: String }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>) {
    /// tx.delete_all::<Note>().filter(Customer::EMAIL.eq("a@x"));
    /// # }
    /// ```
    ///
    /// # Errors
    /// Awaiting it: [`Error::NoFilter`] if it says neither which rows nor that it means all of them,
    /// [`Error::BrokenReference`] if another row still points to one of them.
    pub fn delete_all<E: Reachable<S>>(&mut self) -> DeleteAll<'_, DB, S, E> {
        let (deleted, which) = (Deleted::Without, Which::nothing());
        DeleteAll { tx: self, deleted, which, of: PhantomData }
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity> DeleteAll<'t, DB, S, E> {
    /// Which rows count by their soft deletion; without this call, those that live.
    #[must_use]
    pub fn deleted(mut self, deleted: Deleted) -> Self
    where
        E: SoftDeletes,
    {
        self.deleted = deleted;
        self
    }

    which_rows!();

    async fn run(self) -> Result<u64> {
        self.which.check(E::TABLE)?;
        let (query, statements) = (self.statement(self.tx.scope().tenant()), self.tx.statements());
        self.tx.execute(query, statements).await.map_err(Error::on(E::TABLE))
    }

    pub(super) fn statement(&self, tenant: Option<TenantId>) -> QueryBuilder<DB> {
        let mut query = parts::begin("delete from ");
        query.push(quoted(E::TABLE));
        parts::push_scope::<DB, E>(&mut query, tenant, self.deleted);
        self.which.push_to(&mut query);
        query
    }
}
awaited!(DeleteAll -> u64);
