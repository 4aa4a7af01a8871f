//! Selects being run on their own, one statement in one round trip.

use saas_core::Entity;
use saas_core::sql::{Fragment, Reads};
use sqlx::QueryBuilder;

use super::rows;
use super::run::{Count, Exists, LIST, counted};
use super::select::Select;
use crate::{Error, Read, Result, Scope, TenantBackend};

impl<DB: TenantBackend, E: Entity, S: Scope, J, O> Select<DB, E, Read<DB, S>, J, O> {
    /// All rows. Without [`limit`](Self::limit), more than 1,000 are [`Error::TooManyRows`].
    ///
    /// # Errors
    /// What the database refused.
    pub async fn all(self) -> Result<Vec<O>>
    where
        DB: Reads<O>,
    {
        let rows = self.rows(LIST).await?;
        self.whole(rows)
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// What the database refused.
    pub async fn optional(self) -> Result<Option<O>>
    where
        DB: Reads<O>,
    {
        Ok(self.rows(1).await?.into_iter().next())
    }

    /// The first row.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; else what the database refused.
    pub async fn one(self) -> Result<O>
    where
        DB: Reads<O>,
    {
        self.optional().await?.ok_or(Error::NotFound { table: E::TABLE })
    }

    /// How many rows there are; with a [`limit`](Self::limit), at most that many are counted.
    ///
    /// # Errors
    /// What the database refused.
    pub async fn count(self) -> Result<u64> {
        self.check_joins()?;
        counted::<DB>(&self.executor.fetch_all(&Count(&self)).await?)
    }

    /// Whether there is a row.
    ///
    /// # Errors
    /// What the database refused.
    pub async fn exists(self) -> Result<bool> {
        self.check_joins()?;
        Ok(!self.executor.fetch_all(&Exists(&self)).await?.is_empty())
    }

    async fn rows(&self, default: u32) -> Result<Vec<O>>
    where
        DB: Reads<O>,
    {
        self.check_joins()?;
        rows::all::<DB, O>(&self.executor.fetch_all(&Limited(self, default)).await?)
    }
}

/// A select with the limit that applies where it has none.
struct Limited<'s, DB: TenantBackend, E, X, J, O>(&'s Select<DB, E, X, J, O>, u32);

impl<DB: TenantBackend, E: Entity, X: Send + Sync, J, O> Fragment<DB>
    for Limited<'_, DB, E, X, J, O>
{
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        self.0.push_rows(query, Some(self.1));
    }
}
