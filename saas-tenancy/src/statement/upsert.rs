use chrono::{DateTime, Utc};
use saas_core::schema::quoted;
use saas_core::sql::{Reads, Writes};
use saas_core::{Deleted, Entity, Id, TenantId, Version};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::assign::MANAGED;
use super::columns::Columns;
use super::entities::Only;
use super::insert::push_insert;
use super::parts;
use crate::{Error, Reachable, Result, Scope, TenantBackend, Tx, Writing};

/// An insert that becomes an update where the row is there already; awaiting it runs it.
pub struct Upsert<'t, DB: TenantBackend, S: Scope, E> {
    tx: &'t mut Tx<DB, S>,
    entity: &'t E,
    conflict: Vec<&'static str>,
    push: fn(&E, Option<TenantId>, DateTime<Utc>) -> QueryBuilder<DB>,
}

/// The row as an upsert left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upserted<E> {
    /// Its id: the given one, or that of the row that was there.
    pub id: Id<E>,
    /// Its version now, if it has one.
    pub version: Option<Version>,
}

impl<DB: TenantBackend, S: Writing> Tx<DB, S> {
    /// Inserts a row, or updates the living row of this tenant that has the same id, or with
    /// [`on`](Upsert::on) the same unique values.
    ///
    /// An update sets every column of the struct but its id, tenant, creation and deletion; where the
    /// entity has them, `updated_at` is set and `version` counted. Whose row it is, is part of the
    /// conflict: another tenant's row with the same id or values is no conflict and stays as it is.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "customers", tenant)]
    /// # struct Customer { id: Id<Customer>, #[entity(unique)] email: String, name: String }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>, customer: Customer)
    /// # -> saas_tenancy::Result<()> {
    /// let id = tx.upsert(&customer).on(Customer::EMAIL).await?.id;
    /// # Ok(()) }
    /// ```
    ///
    /// A column of another entity is no conflict:
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "customers", tenant)]
    /// # struct Customer { id: Id<Customer>, email: String }
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, customer_id: Id<Customer>, body: String }
    /// # fn example(mut tx: saas_tenancy::TenantTx<sqlx::Sqlite>, note: Note) {
    /// tx.upsert(&note).on(Customer::EMAIL);
    /// # }
    /// ```
    ///
    /// # Errors
    /// Awaiting it: as [`insert`](Self::insert); [`Error::NotUnique`] if the columns are not declared
    /// to be unique together, [`Error::NotFound`] if the row with this id is soft-deleted.
    pub fn upsert<'t, E: Reachable<S>>(&'t mut self, entity: &'t E) -> Upsert<'t, DB, S, E>
    where
        DB: Writes<E>,
    {
        let push = |entity: &E, tenant, now| push_insert(std::slice::from_ref(entity), tenant, now);
        Upsert { tx: self, entity, conflict: vec!["id"], push }
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Entity> Upsert<'t, DB, S, E> {
    /// Updates the row with the same values in this column, or in this tuple of columns, which the
    /// entity declares to be unique.
    #[must_use]
    pub fn on<At>(mut self, unique: impl Columns<Only<E>, At>) -> Self {
        self.conflict = unique.names().into_iter().map(|(_, name)| name).collect();
        self
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Reachable<S>> Upsert<'t, DB, S, E> {
    async fn run(self) -> Result<Upserted<E>> {
        let (table, tenant) = (E::TABLE, self.tx.scope().tenant());
        if self.entity.named_tenant().is_some_and(|named| Some(named) != tenant) {
            return Err(Error::ForeignTenant { table });
        }
        if !is_unique::<E>(&self.conflict) {
            return Err(Error::NotUnique { table });
        }
        let query = self.statement(tenant, self.tx.clock().now());
        let row = self.tx.fetch_optional(query).await.map_err(Error::on(table))?;
        let row = row.ok_or(Error::NotFound { table })?;
        let (id, version) = <DB as Reads<(Uuid, i64)>>::read(&row)?;
        let version = E::VERSIONED.then(|| Version::new(version));
        Ok(Upserted { id: Id::from_uuid(id), version })
    }

    pub(super) fn statement(
        &self,
        tenant: Option<TenantId>,
        now: DateTime<Utc>,
    ) -> QueryBuilder<DB> {
        let mut query = (self.push)(self.entity, tenant, now);
        query.push(" on conflict (");
        let whose = tenant.map(|_| "tenant_id");
        let named = self.conflict.iter().copied().filter(|name| *name != "tenant_id");
        for (index, name) in whose.into_iter().chain(named).enumerate() {
            query.push(if index == 0 { "" } else { ", " }).push(quoted(name));
        }
        query.push(")");
        if E::SOFT_DELETES && self.conflict != ["id"] {
            // The unique index holds living rows only, and is found by saying so.
            query.push(" where \"deleted_at\" is null");
        }
        query.push(" do update set ");
        for (index, name) in set_on_conflict::<E>(&self.conflict).iter().enumerate() {
            query.push(if index == 0 { "" } else { ", " }).push(quoted(name));
            query.push(" = excluded.").push(quoted(name));
        }
        let stored = parts::stored::<E>();
        parts::push_touch_of::<DB, E>(&mut query, stored, now);
        let living = parts::deleted_of::<E>(Deleted::Without);
        parts::push_scope_of(&mut query, stored, tenant, living);
        query.push(" returning \"id\", ");
        query.push(if E::VERSIONED { "\"version\"" } else { "cast(0 as bigint)" });
        query
    }
}

impl<'t, DB: TenantBackend, S: Scope, E: Reachable<S>> std::future::IntoFuture
    for Upsert<'t, DB, S, E>
{
    type Output = Result<Upserted<E>>;
    type IntoFuture = futures_core::future::BoxFuture<'t, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<DB: TenantBackend, S: Scope, E: Entity> std::fmt::Debug for Upsert<'_, DB, S, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upsert").field("table", &E::TABLE).finish_non_exhaustive()
    }
}

/// Whether the columns, in any order and with or without the tenant, name a row.
fn is_unique<E: Entity>(columns: &[&str]) -> bool {
    let within = |set: &[&'static str]| {
        set.iter().filter(|name| **name != "tenant_id").all(|name| columns.contains(name))
            && columns.iter().all(|name| *name == "tenant_id" || set.contains(name))
    };
    within(&["id"]) || E::UNIQUE.iter().any(|set| within(set))
}

/// The columns that an update takes from the given row. Where the conflict leaves none, one of its
/// own is set to what it is already, for an update sets something.
fn set_on_conflict<E: Entity>(conflict: &[&'static str]) -> Vec<&'static str> {
    let own = E::COLUMNS.iter().map(|column| column.name);
    let set: Vec<_> =
        own.filter(|name| !MANAGED.contains(name) && !conflict.contains(name)).collect();
    if set.is_empty() { conflict.iter().copied().take(1).collect() } else { set }
}
