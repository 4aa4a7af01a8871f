use chrono::{DateTime, Utc};
use saas_core::schema::quoted;
use saas_core::sql::{Binds, Condition, Fragment, Reads};
use saas_core::{Column, Deleted, Entity, Id, Nullability, TenantId, Version, Versioned};
use sqlx::QueryBuilder;

use super::assign::Assignments;
use super::parts;
use crate::{Error, Reachable, Result, Scope, TenantBackend, Tx, Writing};

/// An update of one row by id; awaiting it runs it.
pub struct Update<'t, DB: TenantBackend, S: Scope, E> {
    tx: &'t mut Tx<DB, S>,
    id: Id<E>,
    set: Assignments<DB>,
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

impl<DB: TenantBackend, S: Writing> Tx<DB, S> {
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
    ///
    /// A value of another type does not compile, nor `None` for a column that is never NULL, a column
    /// or a condition of another entity, or a version that is not kept:
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, body: String, due: Option<i32> }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>, id: Id<Note>) {
    /// tx.update(id).set(Note::BODY, 3);
    /// # }
    /// ```
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, body: String, due: Option<i32> }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>, id: Id<Note>) {
    /// tx.update(id).set(Note::BODY, None);
    /// # }
    /// ```
    ///
    /// ```compile_fail,E0308
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "customers", tenant)]
    /// # struct Customer { id: Id<Customer>, email: String }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, customer_id: Id<Customer>, body: String }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>, id: Id<Note>) {
    /// tx.update(id).set(Customer::EMAIL, "a@x");
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
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>, id: Id<Note>) {
    /// tx.update(id).filter(Customer::EMAIL.eq("a@x"));
    /// # }
    /// ```
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, body: String, due: Option<i32> }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>, id: Id<Note>) {
    /// tx.update(id).if_version(saas_core::Version::new(3));
    /// # }
    /// ```
    pub fn update<E: Reachable<S>>(&mut self, id: Id<E>) -> Update<'_, DB, S, E> {
        Update { tx: self, id, set: Assignments::none(), filters: Vec::new(), version: None }
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
        self.set.set(column, value.into());
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
        self.set.check::<E>()?;
        let query = self.statement(self.tx.scope().tenant(), self.tx.clock().now());
        let row = self.tx.fetch_optional(query).await.map_err(Error::on(E::TABLE))?;
        match row {
            Some(row) if E::VERSIONED => {
                Ok(Updated { version: Some(Version::new(<DB as Reads<(i64,)>>::read(&row)?.0)) })
            }
            Some(_) => Ok(Updated { version: None }),
            None => Err(missed(self.tx, self.id, self.version).await?),
        }
    }

    pub(super) fn statement(
        &self,
        tenant: Option<TenantId>,
        now: DateTime<Utc>,
    ) -> QueryBuilder<DB> {
        let mut query = self.set.update::<E>();
        parts::push_touch::<DB, E>(&mut query, now);
        parts::push_scope::<DB, E>(&mut query, tenant, Deleted::Without);
        parts::push_id(&mut query, self.id);
        parts::push_filters(&mut query, &self.filters);
        parts::push_version::<DB, E>(&mut query, self.version);
        query.push(if E::VERSIONED { " returning \"version\"" } else { " returning null" });
        query
    }
}
awaited!(Update -> Updated);

/// Why no row was hit: only asked for when none was, so a hit stays one round trip.
pub(super) async fn missed<DB: TenantBackend, S: Scope, E: Entity>(
    tx: &mut Tx<DB, S>,
    id: Id<E>,
    version: Option<Version>,
) -> Result<Error> {
    let table = E::TABLE;
    if version.is_none() {
        return Ok(Error::NotFound { table });
    }
    let mut query = parts::begin("select 1 from ");
    query.push(quoted(table));
    parts::push_scope::<DB, E>(&mut query, tx.scope().tenant(), Deleted::Without);
    parts::push_id(&mut query, id);
    let row = tx.fetch_optional(query).await?;
    Ok(row.map_or(Error::NotFound { table }, |_| Error::StaleVersion { table }))
}
