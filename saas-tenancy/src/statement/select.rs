use std::fmt;
use std::marker::PhantomData;

use saas_core::schema::quoted;
use saas_core::sql::{Backend, Condition, Fragment, Statements};
use saas_core::{Column, Deleted, Entity, Id, SoftDeletes, TenantId};
use sqlx::QueryBuilder;

use super::parts;
use crate::{Reachable, Scope, TenantBackend, Tx};

/// Executed in a transaction that is given when it runs.
#[derive(Debug, Clone, Copy)]
pub struct InTx;

/// The order of a sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Asc,
    /// Largest first.
    Desc,
}

/// A select on one tenant's (or on global) rows of `E`: an owned value that borrows nothing.
///
/// It is a [`Fragment`], so whoever pages, counts or joins can take it as a base. `X` says where it
/// runs: [`InTx`] in a transaction, [`Read`](crate::Read) on its own.
pub struct Select<DB: TenantBackend, E, X = InTx> {
    pub(super) tenant: Option<TenantId>,
    deleted: Deleted,
    filters: Vec<Box<dyn Fragment<DB>>>,
    order: Vec<(&'static str, Direction)>,
    pub(super) limit: Option<u32>,
    pub(super) lock: bool,
    pub(super) statements: Statements,
    pub(super) executor: X,
    of: PhantomData<fn() -> E>,
}

impl<DB: TenantBackend, S: Scope> Tx<DB, S> {
    /// A select on this scope's rows of `E`.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "invoices", tenant)]
    /// # struct Invoice { id: Id<Invoice>, number: String }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>) -> saas_tenancy::Result<()> {
    /// let mine = tx.select::<Invoice>().filter(Invoice::NUMBER.eq("A-1")).all(&mut tx).await?;
    /// # Ok(()) }
    /// ```
    pub fn select<E: Reachable<S>>(&self) -> Select<DB, E> {
        Select::new(self.scope().tenant(), self.statements(), InTx)
    }
}

impl<DB: TenantBackend, E: Entity, X> Select<DB, E, X> {
    pub(crate) fn new(tenant: Option<TenantId>, statements: Statements, executor: X) -> Self {
        Self {
            tenant,
            deleted: Deleted::Without,
            filters: Vec::new(),
            order: Vec::new(),
            limit: None,
            lock: false,
            statements,
            executor,
            of: PhantomData,
        }
    }

    /// Only the row with this id.
    #[must_use]
    pub fn by_id(mut self, id: Id<E>) -> Self
    where
        E: Sync + Send,
    {
        self.filters.push(Box::new(ById(id)));
        self
    }

    /// Only rows for which the condition holds, besides those of earlier calls.
    #[must_use]
    pub fn filter(
        mut self,
        condition: impl Condition<Entity = E> + Fragment<DB> + 'static,
    ) -> Self {
        self.filters.push(Box::new(condition));
        self
    }

    /// Which rows count by their deletion; without this call, those that live.
    #[must_use]
    pub fn deleted(mut self, deleted: Deleted) -> Self
    where
        E: SoftDeletes,
    {
        self.deleted = deleted;
        self
    }

    /// Sorts by a column, after those of earlier calls.
    #[must_use]
    pub fn order_by<T, N>(mut self, column: Column<E, T, N>, direction: Direction) -> Self {
        self.order.push((column.name(), direction));
        self
    }

    /// At most this many rows.
    #[must_use]
    pub fn limit(mut self, rows: u32) -> Self {
        self.limit = Some(rows);
        self
    }

    pub(super) fn push_from(&self, query: &mut QueryBuilder<DB>) {
        query.push(" from ").push(quoted(E::TABLE));
        parts::push_scope::<DB, E>(query, self.tenant, self.deleted);
        parts::push_filters(query, &self.filters);
    }

    /// Without a limit one row more than allowed is asked for, to tell a full list from a cut one.
    pub(super) fn push_limited(&self, query: &mut QueryBuilder<DB>, default: u32) {
        self.push_columns(query);
        query.push(" limit ").push(self.limit.unwrap_or(default));
        if self.lock {
            DB::push_for_update(query);
        }
    }

    fn push_columns(&self, query: &mut QueryBuilder<DB>) {
        for (index, column) in E::COLUMNS.iter().enumerate() {
            query.push(if index == 0 { "select " } else { ", " });
            query.push(parts::column::<E>(column.name));
        }
        self.push_from(query);
        for (index, (name, direction)) in self.order.iter().enumerate() {
            query.push(if index == 0 { " order by " } else { ", " });
            query.push(parts::column::<E>(name));
            query.push(if *direction == Direction::Asc { "" } else { " desc" });
        }
    }
}

/// The select as others take it: with its own limit or none.
impl<DB: TenantBackend, E: Entity, X: Send + Sync> Fragment<DB> for Select<DB, E, X> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        self.push_columns(query);
        if let Some(limit) = self.limit {
            query.push(" limit ").push(limit);
        }
    }

    fn statements(&self) -> Statements {
        self.statements
    }
}

struct ById<E>(Id<E>);

impl<DB: Backend, E: Entity> Fragment<DB> for ById<E> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        query.push(parts::column::<E>("id")).push(" = ");
        parts::push_uuid(query, self.0.uuid());
    }
}

impl<DB: TenantBackend, E: Entity, X> fmt::Debug for Select<DB, E, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut select = f.debug_struct("Select");
        select.field("table", &E::TABLE).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}
