use std::fmt;
use std::marker::PhantomData;

use saas_core::schema::quoted;
use saas_core::sql::{Backend, Condition, Fragment, Reads, Statements};
use saas_core::{Column, Deleted, Entity, Id, SoftDeletes, TenantId};
use sqlx::QueryBuilder;

use super::parts;
use crate::{Error, Reachable, Read, Result, Scope, TenantBackend, Tx};

/// Where a list has no limit of its own, more rows than this are an error, never a silent cut.
const DEFAULT_LIMIT: u32 = 1000;

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
/// runs: [`InTx`] in a transaction, [`Read`] on its own.
pub struct Select<DB: TenantBackend, E, X = InTx> {
    tenant: Option<TenantId>,
    deleted: Deleted,
    filters: Vec<Box<dyn Fragment<DB>>>,
    order: Vec<(&'static str, Direction)>,
    limit: Option<u32>,
    lock: bool,
    statements: Statements,
    executor: X,
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

    fn push_from(&self, query: &mut QueryBuilder<DB>) {
        query.push(" from ").push(quoted(E::TABLE));
        parts::push_scope::<DB, E>(query, self.tenant, self.deleted);
        parts::push_filters(query, &self.filters);
    }

    /// Without a limit one row more than allowed is asked for, to tell a full list from a cut one.
    fn push_limited(&self, query: &mut QueryBuilder<DB>, default: u32) {
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

    fn whole(&self, rows: Vec<E>) -> Result<Vec<E>> {
        if self.limit.is_none() && rows.len() > DEFAULT_LIMIT as usize {
            return Err(Error::TooManyRows { table: E::TABLE, limit: DEFAULT_LIMIT });
        }
        Ok(rows)
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

impl<DB: TenantBackend, E: Entity> Select<DB, E, InTx> {
    /// Locks the rows until the transaction ends.
    #[must_use]
    pub fn for_update(mut self) -> Self {
        self.lock = true;
        self
    }

    /// All rows. Without [`limit`](Self::limit), more than 1,000 are [`Error::TooManyRows`].
    ///
    /// # Errors
    /// [`Error::ForeignTenant`] if the transaction is another tenant's than the select; else what
    /// the database refused.
    pub async fn all<S: Scope>(self, tx: &mut Tx<DB, S>) -> Result<Vec<E>>
    where
        E: Reachable<S>,
        DB: Reads<E>,
    {
        let rows = self.rows(tx, DEFAULT_LIMIT + 1).await?;
        self.whole(rows)
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub async fn optional<S: Scope>(self, tx: &mut Tx<DB, S>) -> Result<Option<E>>
    where
        E: Reachable<S>,
        DB: Reads<E>,
    {
        Ok(self.rows(tx, 1).await?.into_iter().next())
    }

    /// The first row.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; else as [`all`](Self::all).
    pub async fn one<S: Scope>(self, tx: &mut Tx<DB, S>) -> Result<E>
    where
        E: Reachable<S>,
        DB: Reads<E>,
    {
        self.optional(tx).await?.ok_or(Error::NotFound { table: E::TABLE })
    }

    /// Whether there is a row.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub async fn exists<S: Scope>(self, tx: &mut Tx<DB, S>) -> Result<bool>
    where
        E: Reachable<S>,
    {
        self.check(tx)?;
        let mut query = QueryBuilder::new("select 1");
        self.push_from(&mut query);
        query.push(" limit 1");
        let row = DB::fetch_optional(tx.connection(), query, self.statements).await?;
        Ok(row.is_some())
    }

    async fn rows<S: Scope>(&self, tx: &mut Tx<DB, S>, default: u32) -> Result<Vec<E>>
    where
        DB: Reads<E>,
    {
        self.check(tx)?;
        let mut query = QueryBuilder::new("");
        self.push_limited(&mut query, default);
        let rows = DB::fetch_all(tx.connection(), query, self.statements).await?;
        read::<DB, E>(&rows)
    }

    /// A select made in one tenant's transaction is not run in another's.
    fn check<S: Scope>(&self, tx: &Tx<DB, S>) -> Result<()> {
        if self.tenant == tx.scope().tenant() {
            Ok(())
        } else {
            Err(Error::ForeignTenant { table: E::TABLE })
        }
    }
}

impl<DB: TenantBackend, E: Entity, S: Scope> Select<DB, E, Read<DB, S>> {
    /// All rows. Without [`limit`](Self::limit), more than 1,000 are [`Error::TooManyRows`].
    ///
    /// # Errors
    /// What the database refused.
    pub async fn all(self) -> Result<Vec<E>>
    where
        DB: Reads<E>,
    {
        let rows = self.rows(DEFAULT_LIMIT + 1).await?;
        self.whole(rows)
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// What the database refused.
    pub async fn optional(self) -> Result<Option<E>>
    where
        DB: Reads<E>,
    {
        Ok(self.rows(1).await?.into_iter().next())
    }

    /// The first row.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; else what the database refused.
    pub async fn one(self) -> Result<E>
    where
        DB: Reads<E>,
    {
        self.optional().await?.ok_or(Error::NotFound { table: E::TABLE })
    }

    async fn rows(&self, default: u32) -> Result<Vec<E>>
    where
        DB: Reads<E>,
    {
        read::<DB, E>(&self.executor.fetch_all(&Limited(self, default)).await?)
    }
}

fn read<DB: Reads<E>, E>(rows: &[DB::Row]) -> Result<Vec<E>> {
    rows.iter().map(|row| DB::read(row).map_err(Error::from)).collect()
}

/// A select with the limit that applies where it has none.
struct Limited<'s, DB: TenantBackend, E, X>(&'s Select<DB, E, X>, u32);

impl<DB: TenantBackend, E: Entity, X: Send + Sync> Fragment<DB> for Limited<'_, DB, E, X> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        self.0.push_limited(query, self.1);
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
