use std::fmt;
use std::marker::PhantomData;

use saas_core::schema::quoted;
use saas_core::sql::{Condition, Fragment, Statements};
use saas_core::{Deleted, Entity, Id, SoftDeletes, TenantId};
use sqlx::QueryBuilder;

use super::entities::{Includes, Only};
use super::join::Join;
use super::order::Order;
use super::parts;
use crate::{Reachable, Scope, TenantBackend, Tx};

/// Executed in a transaction that is given when it runs.
#[derive(Debug, Clone, Copy)]
pub struct InTx;

/// What a select that locks does about rows that another transaction holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Waits for them.
    Wait,
    /// Leaves them out.
    SkipLocked,
    /// Is an error, [`Error::Contention`](crate::Error::Contention).
    NoWait,
}

/// A select on one tenant's (or on global) rows of `E`: an owned value that borrows nothing.
///
/// It is a [`Fragment`], so whoever pages, counts or joins can take it as a base. `X` says where it
/// runs: [`InTx`] in a transaction, [`Read`](crate::Read) on its own. `J` are the entities it holds
/// after joins, `O` is what its rows are read as; both follow from the calls and are rarely named.
pub struct Select<DB: TenantBackend, E, X = InTx, J = Only<E>, O = E> {
    pub(super) tenant: Option<TenantId>,
    deleted: Deleted,
    pub(super) joins: Vec<Join<DB>>,
    filters: Vec<Box<dyn Fragment<DB>>>,
    pub(super) columns: Option<Vec<(&'static str, &'static str)>>,
    pub(super) order: Vec<Order>,
    pub(super) limit: Option<u32>,
    pub(super) lock: Option<Lock>,
    statements: Statements,
    pub(super) executor: X,
    of: Of<E, J, O>,
}

/// Owns nothing of them, so a select crosses threads whatever they are.
type Of<E, J, O> = PhantomData<fn() -> (E, J, O)>;

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
            joins: Vec::new(),
            filters: Vec::new(),
            columns: None,
            order: Vec::new(),
            limit: None,
            lock: None,
            statements,
            executor,
            of: PhantomData,
        }
    }
}

impl<DB: TenantBackend, E: Entity, X, J, O> Select<DB, E, X, J, O> {
    /// Only the row with this id.
    #[must_use]
    pub fn by_id(mut self, id: Id<E>) -> Self {
        self.filters.push(Box::new(parts::ById(id)));
        self
    }

    /// Only rows for which the condition holds, besides those of earlier calls.
    ///
    /// A condition on another entity compiles only where that is [joined](Self::join). Whether a
    /// column is NULL can be asked only where it can be, and a value is of the column's type:
    ///
    /// ```compile_fail,E0599
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, body: String, due: Option<i32> }
    /// # fn example(tx: saas_tenancy::TenantTx<sqlx::Sqlite>) {
    /// tx.select::<Note>().filter(Note::BODY.is_null());
    /// # }
    /// ```
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, body: String, due: Option<i32> }
    /// # fn example(tx: saas_tenancy::TenantTx<sqlx::Sqlite>) {
    /// tx.select::<Note>().filter(Note::BODY.eq(3));
    /// # }
    /// ```
    #[must_use]
    pub fn filter<C, At>(mut self, condition: C) -> Self
    where
        C: Condition + Fragment<DB> + 'static,
        J: Includes<C::Entity, At>,
    {
        self.filters.push(Box::new(condition));
        self
    }

    /// Which rows of `E` count by their deletion; without this call, those that live.
    ///
    /// An entity that is not soft-deleted has no others:
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, body: String, due: Option<i32> }
    /// # fn example(tx: saas_tenancy::TenantTx<sqlx::Sqlite>) {
    /// tx.select::<Note>().deleted(saas_core::Deleted::With);
    /// # }
    /// ```
    #[must_use]
    pub fn deleted(mut self, deleted: Deleted) -> Self
    where
        E: SoftDeletes,
    {
        self.deleted = deleted;
        self
    }

    /// At most this many rows.
    #[must_use]
    pub fn limit(mut self, rows: u32) -> Self {
        self.limit = Some(rows);
        self
    }

    /// The same select as another type; only joins and projections know when that is true.
    pub(super) fn retyped<K, P>(self) -> Select<DB, E, X, K, P> {
        Select {
            tenant: self.tenant,
            deleted: self.deleted,
            joins: self.joins,
            filters: self.filters,
            columns: self.columns,
            order: self.order,
            limit: self.limit,
            lock: self.lock,
            statements: self.statements,
            executor: self.executor,
            of: PhantomData,
        }
    }

    pub(super) fn push_from(&self, query: &mut QueryBuilder<DB>) {
        query.push(" from ").push(quoted(E::TABLE));
        for join in &self.joins {
            join.push_to(query, self.tenant);
        }
        parts::push_scope::<DB, E>(query, self.tenant, self.deleted);
        parts::push_filters(query, &self.filters);
    }

    /// The whole statement, with its own limit or this one.
    pub(super) fn push_rows(&self, query: &mut QueryBuilder<DB>, default: Option<u32>) {
        query.push("select ");
        match &self.columns {
            None => {
                query.push(E::SELECT);
            }
            Some(columns) => {
                for (index, (table, name)) in columns.iter().enumerate() {
                    query.push(if index == 0 { "" } else { ", " });
                    query.push(quoted(table)).push(".").push(quoted(name));
                }
            }
        }
        self.push_from(query);
        for (index, Order { table, column, words }) in self.order.iter().enumerate() {
            query.push(if index == 0 { " order by " } else { ", " });
            query.push(quoted(table)).push(".").push(quoted(column)).push(words);
        }
        // A literal: PostgreSQL's generic plan for a bound limit guesses how many rows are wanted.
        if let Some(limit) = self.limit.or(default) {
            query.push(" limit ").push(limit);
        }
        if let Some(lock) = self.lock {
            DB::push_lock(query, E::TABLE, lock);
        }
    }
}

/// The select as others take it: with its own limit or none.
impl<DB, E, X, J, O> Fragment<DB> for Select<DB, E, X, J, O>
where
    DB: TenantBackend,
    E: Entity,
    X: Send + Sync,
{
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        self.push_rows(query, None);
    }

    fn statements(&self) -> Statements {
        self.statements
    }
}

impl<DB: TenantBackend, E: Entity, X, J, O> fmt::Debug for Select<DB, E, X, J, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut select = f.debug_struct("Select");
        select.field("table", &E::TABLE).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}
