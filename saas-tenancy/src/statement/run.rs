//! Selects being run, in a transaction or on their own.

use saas_core::Entity;
use saas_core::sql::{Fragment, Reads};
use sqlx::QueryBuilder;

use super::select::{InTx, Select};
use crate::{Error, Reachable, Read, Result, Scope, TenantBackend, Tx};

/// Where a list has no limit of its own, more rows than this are an error, never a silent cut.
const DEFAULT_LIMIT: u32 = 1000;

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
        let row = tx.fetch_optional(query).await?;
        Ok(row.is_some())
    }

    async fn rows<S: Scope>(&self, tx: &mut Tx<DB, S>, default: u32) -> Result<Vec<E>>
    where
        DB: Reads<E>,
    {
        self.check(tx)?;
        let mut query = QueryBuilder::new("");
        self.push_limited(&mut query, default);
        let rows = tx.fetch_all(query).await?;
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

impl<DB: TenantBackend, E: Entity, X> Select<DB, E, X> {
    fn whole(&self, rows: Vec<E>) -> Result<Vec<E>> {
        if self.limit.is_none() && rows.len() > DEFAULT_LIMIT as usize {
            return Err(Error::TooManyRows { table: E::TABLE, limit: DEFAULT_LIMIT });
        }
        Ok(rows)
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
