use saas_core::schema::quoted;
use saas_core::sql::{Condition, Fragment};
use saas_core::{Deleted, Entity, Id, SoftDeletes, TenantId, Version, Versioned};
use sqlx::QueryBuilder;

use super::parts;
use super::update::missed;
use crate::{Error, Reachable, Result, Scope, TenantBackend, Tx, Writing};

/// A delete of one row by id; awaiting it runs it.
pub struct Delete<'t, DB: TenantBackend, S: Scope, E> {
    tx: &'t mut Tx<DB, S>,
    id: Id<E>,
    deleted: Deleted,
    filters: Vec<Box<dyn Fragment<DB>>>,
    version: Option<Version>,
}

impl<DB: TenantBackend, S: Writing> Tx<DB, S> {
    /// Removes the row with this id for good, if it lives; [`soft_delete`](Self::soft_delete) is the
    /// one that can be undone.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "invoices", tenant)]
    /// # struct Invoice { id: Id<Invoice>, status: String }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>, id: Id<Invoice>)
    /// # -> saas_tenancy::Result<()> {
    /// tx.delete(id).filter(Invoice::STATUS.eq("draft")).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// A version that is not kept cannot be asked for, and only what is soft-deleted can be deleted
    /// and still there:
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, body: String, due: Option<i32> }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>, id: Id<Note>) {
    /// tx.delete(id).if_version(saas_core::Version::new(3));
    /// # }
    /// ```
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, body: String, due: Option<i32> }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>, id: Id<Note>) {
    /// tx.delete(id).deleted(saas_core::Deleted::Only);
    /// # }
    /// ```
    ///
    /// # Errors
    /// Awaiting it: [`Error::NotFound`] if there is no such row, [`Error::StaleVersion`] if it was
    /// written since, [`Error::BrokenReference`] if another row still points to it.
    pub fn delete<E: Reachable<S>>(&mut self, id: Id<E>) -> Delete<'_, DB, S, E> {
        let (deleted, version) = (Deleted::Without, None);
        Delete { tx: self, id, deleted, filters: Vec::new(), version }
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity> Delete<'t, DB, S, E> {
    /// Which rows count by their soft deletion; without this call, those that live.
    #[must_use]
    pub fn deleted(mut self, deleted: Deleted) -> Self
    where
        E: SoftDeletes,
    {
        self.deleted = deleted;
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

    async fn run(self) -> Result<()> {
        let (query, statements) = (self.statement(self.tx.scope().tenant()), self.tx.statements());
        match self.tx.execute(query, statements).await.map_err(Error::on(E::TABLE))? {
            0 => Err(missed(self.tx, self.id, self.version).await?),
            _ => Ok(()),
        }
    }

    pub(super) fn statement(&self, tenant: Option<TenantId>) -> QueryBuilder<DB> {
        let mut query = parts::begin("delete from ");
        query.push(quoted(E::TABLE));
        parts::push_scope::<DB, E>(&mut query, tenant, self.deleted);
        parts::push_id(&mut query, self.id);
        parts::push_filters(&mut query, &self.filters);
        parts::push_version::<DB, E>(&mut query, self.version);
        query
    }
}
awaited!(Delete -> ());
