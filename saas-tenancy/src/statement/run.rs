//! Selects being run in a transaction.

use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use saas_core::Entity;
use saas_core::sql::{Fragment, Reads};
use sqlx::QueryBuilder;

use super::select::{InTx, Lock, Select};
use super::{parts, rows};
use crate::{Error, Reachable, Result, Scope, TenantBackend, Tx};

/// Where a list has no limit of its own, more rows than this are an error, never a silent cut.
const DEFAULT_LIMIT: u32 = 1000;
/// Without a limit one row more than allowed is asked for, to tell a full list from a cut one.
pub(super) const LIST: u32 = DEFAULT_LIMIT + 1;

impl<DB: TenantBackend, E: Entity, J, O> Select<DB, E, InTx, J, O> {
    /// Locks the rows of `E` until the transaction ends, and waits for those that another holds.
    #[must_use]
    pub fn for_update(mut self) -> Self {
        self.lock = Some(Lock::Wait);
        self
    }

    /// The same, leaving out rows that another transaction holds: for workers that share a list.
    #[must_use]
    pub fn for_update_skip_locked(mut self) -> Self {
        self.lock = Some(Lock::SkipLocked);
        self
    }

    /// The same, but a row that another transaction holds is [`Error::Contention`] at once.
    #[must_use]
    pub fn for_update_no_wait(mut self) -> Self {
        self.lock = Some(Lock::NoWait);
        self
    }

    /// All rows. Without [`limit`](Self::limit), more than 1,000 are [`Error::TooManyRows`].
    ///
    /// # Errors
    /// [`Error::ForeignTenant`] if the transaction is another tenant's than the select; else what
    /// the database refused.
    pub async fn all<S: Scope>(self, tx: &mut Tx<DB, S>) -> Result<Vec<O>>
    where
        E: Reachable<S>,
        DB: Reads<O>,
    {
        let rows = self.rows(tx, LIST).await?;
        self.whole(rows)
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub async fn optional<S: Scope>(self, tx: &mut Tx<DB, S>) -> Result<Option<O>>
    where
        E: Reachable<S>,
        DB: Reads<O>,
    {
        Ok(self.rows(tx, 1).await?.into_iter().next())
    }

    /// The first row.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; else as [`all`](Self::all).
    pub async fn one<S: Scope>(self, tx: &mut Tx<DB, S>) -> Result<O>
    where
        E: Reachable<S>,
        DB: Reads<O>,
    {
        self.optional(tx).await?.ok_or(Error::NotFound { table: E::TABLE })
    }

    /// All rows, however many, one after the other as they arrive: the memory that takes does not
    /// grow with the list.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "invoices", tenant)]
    /// # struct Invoice { id: Id<Invoice>, number: String }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>) -> saas_tenancy::Result<()> {
    /// use futures_util::TryStreamExt;
    ///
    /// let mut invoices = tx.select::<Invoice>().stream(&mut tx);
    /// while let Some(invoice) = invoices.try_next().await? {
    ///     println!("{}", invoice.number);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`all`](Self::all), except that no list is too long.
    pub fn stream<S: Scope>(self, tx: &mut Tx<DB, S>) -> BoxStream<'_, Result<O>>
    where
        E: Reachable<S>,
        DB: Reads<O>,
        O: Send + 'static,
    {
        if let Err(error) = self.check(tx) {
            return stream::once(async { Err(error) }).boxed();
        }
        let mut query = parts::begin("");
        self.push_rows(&mut query, None);
        tx.fetch(query).map(|row| rows::one::<DB, O>(&row?)).boxed()
    }

    /// How many rows there are; with a [`limit`](Self::limit), at most that many are counted.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub async fn count<S: Scope>(self, tx: &mut Tx<DB, S>) -> Result<u64>
    where
        E: Reachable<S>,
    {
        self.check(tx)?;
        let mut query = parts::begin("");
        Count(&self).push_to(&mut query);
        let row = tx.fetch_optional(query).await?;
        counted::<DB>(row.as_slice())
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
        let mut query = parts::begin("");
        Exists(&self).push_to(&mut query);
        Ok(tx.fetch_optional(query).await?.is_some())
    }

    async fn rows<S: Scope>(&self, tx: &mut Tx<DB, S>, default: u32) -> Result<Vec<O>>
    where
        DB: Reads<O>,
    {
        self.check(tx)?;
        let mut query = parts::begin("");
        self.push_rows(&mut query, Some(default));
        rows::all::<DB, O>(&tx.fetch_all(query).await?)
    }

    /// A select made in one tenant's transaction is not run in another's.
    fn check<S: Scope>(&self, tx: &Tx<DB, S>) -> Result<()> {
        if self.tenant != tx.scope().tenant() {
            return Err(Error::ForeignTenant { table: E::TABLE });
        }
        self.check_joins()
    }
}

impl<DB: TenantBackend, E: Entity, X, J, O> Select<DB, E, X, J, O> {
    pub(super) fn whole(&self, rows: Vec<O>) -> Result<Vec<O>> {
        if self.limit.is_none() && rows.len() > DEFAULT_LIMIT as usize {
            return Err(Error::TooManyRows { table: E::TABLE, limit: DEFAULT_LIMIT });
        }
        Ok(rows)
    }
}

pub(super) fn counted<DB: TenantBackend>(rows: &[DB::Row]) -> Result<u64> {
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(<DB as Reads<(i64,)>>::read(row)?.0.unsigned_abs())
}

/// How many rows a select has.
pub(super) struct Count<'s, DB: TenantBackend, E, X, J, O>(pub(super) &'s Select<DB, E, X, J, O>);

impl<DB: TenantBackend, E: Entity, X: Send + Sync, J, O> Fragment<DB>
    for Count<'_, DB, E, X, J, O>
{
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        if let Some(limit) = self.0.limit {
            query.push("select count(*) from (select 1");
            self.0.push_from(query);
            query.push(" limit ").push(limit).push(") counted");
        } else {
            query.push("select count(*)");
            self.0.push_from(query);
        }
    }
}

/// One row if a select has any.
pub(super) struct Exists<'s, DB: TenantBackend, E, X, J, O>(pub(super) &'s Select<DB, E, X, J, O>);

impl<DB: TenantBackend, E: Entity, X: Send + Sync, J, O> Fragment<DB>
    for Exists<'_, DB, E, X, J, O>
{
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        query.push("select 1");
        self.0.push_from(query);
        query.push(" limit 1");
    }
}
