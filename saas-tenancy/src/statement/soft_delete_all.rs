use std::marker::PhantomData;

use saas_core::sql::{Condition, Fragment};
use saas_core::{Column, DeletionId, Entity, Id, Nullability, SoftDeletes};
use sqlx::QueryBuilder;

use super::cascade::{Cascade, Deletion, Taking, cascades};
use super::which::{Which, which_rows};
use crate::{Reachable, Result, Scope, TenantBackend, Tx, Writing};

/// A soft delete of many rows and of what goes with them; awaiting it runs it.
pub struct DeletingAll<'t, DB: TenantBackend, S: Scope, E, L = E> {
    tx: &'t mut Tx<DB, S>,
    which: Which<DB>,
    cascades: Vec<Cascade<DB>>,
    of: PhantomData<fn() -> (E, L)>,
}

impl<DB: TenantBackend, S: Writing> Tx<DB, S> {
    /// Marks all living rows of `E` that a filter names as deleted, as one deletion. That there are
    /// none is no error.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "invoices", tenant, soft_delete)]
    /// # struct Invoice { id: Id<Invoice>, status: String }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>) -> saas_tenancy::Result<()> {
    /// let drafts = tx.soft_delete_all::<Invoice>().filter(Invoice::STATUS.eq("draft")).await?;
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
    /// tx.soft_delete_all::<Note>().every_row();
    /// # }
    /// ```
    ///
    /// # Errors
    /// Awaiting it: [`Error::NoFilter`](crate::Error::NoFilter) if it says neither which rows nor
    /// that it means all of them.
    pub fn soft_delete_all<E>(&mut self) -> DeletingAll<'_, DB, S, E>
    where
        E: Reachable<S> + SoftDeletes,
    {
        let which = Which::nothing();
        DeletingAll { tx: self, which, cascades: Vec::new(), of: PhantomData }
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity, L> DeletingAll<'t, DB, S, E, L> {
    which_rows!();

    cascades!(DeletingAll);

    fn with<C>(mut self, cascade: Cascade<DB>) -> DeletingAll<'t, DB, S, E, C> {
        self.cascades.push(cascade);
        let Self { tx, which, cascades, .. } = self;
        DeletingAll { tx, which, cascades, of: PhantomData }
    }

    async fn run(self) -> Result<Deletion> {
        self.which.check(E::TABLE)?;
        let (tenant, statements) = (self.tx.scope().tenant(), self.tx.statements());
        let taking = Taking { tenant, deletion: DeletionId::new(), now: self.tx.clock().now() };
        let query = statement::<DB, E>(&taking, &self.which);
        let mut rows = self.tx.execute(query, statements).await?;
        if rows > 0 {
            rows += taking.cascade(self.tx, &self.cascades, taking.root::<E>(None)).await?;
        }
        Ok(Deletion { id: taking.deletion, rows })
    }
}
awaited!(DeletingAll<L> -> Deletion);

pub(super) fn statement<DB: TenantBackend, E: Entity>(
    taking: &Taking,
    which: &Which<DB>,
) -> QueryBuilder<DB> {
    let mut query = taking.update::<DB, E>();
    which.push_to(&mut query);
    query
}
