use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use saas_core::sql::Binds;
use saas_core::{Column, Deleted, Entity, Nullability, TenantId};
use sqlx::QueryBuilder;

use super::assign::Assignments;
use super::parts;
use super::which::{Which, which_rows};
use crate::{Error, Reachable, Result, Scope, TenantBackend, Tx, Writing};

/// An update of many rows; awaiting it runs it and says how many there were.
pub struct UpdateAll<'t, DB: TenantBackend, S: Scope, E> {
    tx: &'t mut Tx<DB, S>,
    set: Assignments<DB>,
    which: Which<DB>,
    of: PhantomData<fn() -> E>,
}

impl<DB: TenantBackend, S: Writing> Tx<DB, S> {
    /// An update of all living rows of `E` that a filter names.
    ///
    /// Where the entity has them, `updated_at` is set and `version` counted.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "invoices", tenant)]
    /// # struct Invoice { id: Id<Invoice>, status: String }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>) -> saas_tenancy::Result<()> {
    /// let late = tx.update_all::<Invoice>().filter(Invoice::STATUS.eq("sent"));
    /// let rows: u64 = late.set(Invoice::STATUS, "overdue").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// What [`update`](Self::update) refuses does not compile here either:
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, body: String, due: Option<i32> }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>) {
    /// tx.update_all::<Note>().set(Note::BODY, 3);
    /// # }
    /// ```
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
    /// tx.update_all::<Note>().filter(Customer::EMAIL.eq("a@x"));
    /// # }
    /// ```
    ///
    /// A value of another type than the column's does not compile:
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "invoices", tenant)]
    /// # struct Invoice { id: Id<Invoice>, status: String }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>) {
    /// tx.update_all::<Invoice>().set(Invoice::STATUS, 3);
    /// # }
    /// ```
    pub fn update_all<E: Reachable<S>>(&mut self) -> UpdateAll<'_, DB, S, E> {
        UpdateAll { tx: self, set: Assignments::none(), which: Which::nothing(), of: PhantomData }
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity> UpdateAll<'t, DB, S, E> {
    /// Sets a column; a nullable one takes an `Option` or a bare value.
    #[must_use]
    pub fn set<T, N>(mut self, column: Column<E, T, N>, value: impl Into<N::Of<T>>) -> Self
    where
        T: Send + Sync + 'static,
        N: Nullability,
        DB: Binds<N::Of<T>>,
    {
        self.set.set(column, value.into());
        self
    }

    which_rows!();

    async fn run(self) -> Result<u64> {
        self.set.check::<E>()?;
        self.which.check(E::TABLE)?;
        let query = self.statement(self.tx.scope().tenant(), self.tx.clock().now());
        let statements = self.tx.statements();
        self.tx.execute(query, statements).await.map_err(Error::on(E::TABLE))
    }

    pub(super) fn statement(
        &self,
        tenant: Option<TenantId>,
        now: DateTime<Utc>,
    ) -> QueryBuilder<DB> {
        let mut query = self.set.update::<E>();
        parts::push_touch::<DB, E>(&mut query, now);
        parts::push_scope::<DB, E>(&mut query, tenant, Deleted::Without);
        self.which.push_to(&mut query);
        query
    }
}
awaited!(UpdateAll -> u64);
