use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use saas_core::schema::quoted;
use saas_core::sql::{Binds, Condition, Fragment, Reads};
use saas_core::{Column, Deleted, Entity, Id, Nullability, Version, Versioned};
use sqlx::QueryBuilder;

use super::parts::{self, Bound};
use crate::{Error, Reachable, Result, Scope, TenantBackend, Tx};

/// An update of one row by id; awaiting it runs it.
pub struct Update<'t, DB: TenantBackend, S: Scope, E> {
    tx: &'t mut Tx<DB, S>,
    id: Id<E>,
    set: Vec<(&'static str, Box<dyn Fragment<DB>>)>,
    filters: Vec<Box<dyn Fragment<DB>>>,
    version: Option<Version>,
}

/// What an update did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Updated {
    /// The row's version now, if it has one.
    pub version: Option<Version>,
}

/// Columns that only the statements themselves write.
const MANAGED: [&str; 7] =
    ["id", "tenant_id", "version", "created_at", "updated_at", "deleted_at", "deletion_id"];

impl<DB: TenantBackend, S: Scope> Tx<DB, S> {
    /// An update of the row with this id, if it lives.
    ///
    /// Where the entity has them, `updated_at` is set and `version` counted.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id, Version};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "invoices", tenant, version)]
    /// # struct Invoice { id: Id<Invoice>, note: Option<String> }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>, id: Id<Invoice>)
    /// # -> saas_tenancy::Result<()> {
    /// tx.update(id).set(Invoice::NOTE, "paid".to_owned()).if_version(Version::new(3)).await?;
    /// # Ok(()) }
    /// ```
    pub fn update<E: Reachable<S>>(&mut self, id: Id<E>) -> Update<'_, DB, S, E> {
        Update { tx: self, id, set: Vec::new(), filters: Vec::new(), version: None }
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity> Update<'t, DB, S, E> {
    /// Sets a column; a nullable one takes an `Option` or a bare value.
    #[must_use]
    pub fn set<T, N>(mut self, column: Column<E, T, N>, value: impl Into<N::Of<T>>) -> Self
    where
        T: Send + Sync + 'static,
        N: Nullability,
        DB: Binds<N::Of<T>>,
    {
        self.set.push((column.name(), Box::new(Bound(value.into()))));
        self
    }

    /// Only if the condition holds; otherwise the row counts as not found.
    #[must_use]
    pub fn filter(
        mut self,
        condition: impl Condition<Entity = E> + Fragment<DB> + 'static,
    ) -> Self {
        self.filters.push(Box::new(condition));
        self
    }

    /// Only if the row is at this version; otherwise [`Error::StaleVersion`].
    #[must_use]
    pub fn if_version(mut self, version: Version) -> Self
    where
        E: Versioned,
    {
        self.version = Some(version);
        self
    }

    async fn run(self) -> Result<Updated> {
        let table = E::TABLE;
        if let Some((column, _)) = self.set.iter().find(|(name, _)| MANAGED.contains(name)) {
            return Err(Error::ManagedColumn { table, column });
        }
        if self.set.is_empty() {
            return Err(Error::NothingToSet { table });
        }
        let tenant = self.tx.scope().tenant();
        let mut query = QueryBuilder::new("update ");
        query.push(quoted(table)).push(" set ");
        for (index, (name, value)) in self.set.iter().enumerate() {
            query.push(if index == 0 { "" } else { ", " }).push(quoted(name)).push(" = ");
            value.push_to(&mut query);
        }
        parts::push_touch::<DB, E>(&mut query, self.tx.clock().now());
        parts::push_scope::<DB, E>(&mut query, tenant, Deleted::Without);
        parts::push_id(&mut query, self.id);
        parts::push_filters(&mut query, &self.filters);
        if let Some(version) = self.version {
            query.push(" and ").push(parts::column::<E>("version")).push(" = ");
            <DB as Binds<i64>>::push_bind(&mut query, &version.get());
        }
        query.push(if E::VERSIONED { " returning \"version\"" } else { " returning null" });
        let row = self.tx.fetch_optional(query).await.map_err(Error::on(table))?;
        match row {
            Some(row) if E::VERSIONED => {
                Ok(Updated { version: Some(Version::new(<DB as Reads<(i64,)>>::read(&row)?.0)) })
            }
            Some(_) => Ok(Updated { version: None }),
            None => Err(self.missed().await?),
        }
    }

    /// Why no row was hit: only asked for when none was, so a hit stays one round trip.
    async fn missed(self) -> Result<Error> {
        let table = E::TABLE;
        if self.version.is_none() {
            return Ok(Error::NotFound { table });
        }
        let mut query = QueryBuilder::new("select 1 from ");
        query.push(quoted(table));
        parts::push_scope::<DB, E>(&mut query, self.tx.scope().tenant(), Deleted::Without);
        parts::push_id(&mut query, self.id);
        let row = self.tx.fetch_optional(query).await?;
        Ok(row.map_or(Error::NotFound { table }, |_| Error::StaleVersion { table }))
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity> IntoFuture for Update<'t, DB, S, E> {
    type Output = Result<Updated>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 't>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<DB: TenantBackend, S: Scope, E: Entity> fmt::Debug for Update<'_, DB, S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("table", &E::TABLE)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
