use chrono::{DateTime, Utc};
use saas_core::schema::quoted;
use saas_core::sql::{Binds, Statements, Writes};
use saas_core::{Entity, TenantId, Version};
use sqlx::QueryBuilder;

use super::parts;
use crate::{Error, Reachable, Result, Scope, TenantBackend, Tx};

impl<DB: TenantBackend, S: Scope> Tx<DB, S> {
    /// Inserts a row, stamped with this transaction's tenant.
    ///
    /// Columns that the entity's attributes promise and the struct does not hold are filled:
    /// `created_at` and `updated_at` with the clock, `version` with 1.
    ///
    /// # Errors
    /// [`Error::ForeignTenant`] if the row names another tenant, [`Error::Taken`] if a unique value
    /// is, [`Error::BrokenReference`] if a parent is not this tenant's.
    pub async fn insert<E: Reachable<S>>(&mut self, entity: &E) -> Result<()>
    where
        DB: Writes<E>,
    {
        self.insert_all(std::slice::from_ref(entity)).await
    }

    /// Inserts many rows, as many to a statement as the database takes parameters.
    ///
    /// # Errors
    /// As [`insert`](Self::insert). An error leaves the rows before it in the transaction: drop it.
    pub async fn insert_all<E: Reachable<S>>(&mut self, entities: &[E]) -> Result<()>
    where
        DB: Writes<E>,
    {
        let (tenant, statements) = (self.scope().tenant(), self.statements());
        let foreign = |named| Some(named) != tenant;
        if entities.iter().any(|entity| entity.named_tenant().is_some_and(foreign)) {
            return Err(Error::ForeignTenant { table: E::TABLE });
        }
        // The text depends on how many rows there are: kept by name, each number of them would stay
        // prepared on every connection.
        let statements = if entities.len() == 1 { statements } else { Statements::Unnamed };
        let now = self.clock().now();
        for rows in entities.chunks(MAX_PARAMETERS / columns::<E>().count()) {
            let query = push_insert(rows, tenant, now);
            let done = self.execute(query, statements).await;
            done.map_err(Error::on(E::TABLE))?;
        }
        Ok(())
    }
}

/// SQLite takes 32,766 parameters to a statement, PostgreSQL twice as many.
const MAX_PARAMETERS: usize = 32_766;

fn push_insert<DB, E>(rows: &[E], tenant: Option<TenantId>, now: DateTime<Utc>) -> QueryBuilder<DB>
where
    DB: TenantBackend + Writes<E>,
    E: Entity,
{
    let mut query = QueryBuilder::new("insert into ");
    query.push(quoted(E::TABLE)).push(" (");
    for (index, name) in columns::<E>().enumerate() {
        query.push(if index == 0 { "" } else { ", " }).push(quoted(name));
    }
    for (number, row) in rows.iter().enumerate() {
        query.push(if number == 0 { ") values (" } else { "), (" });
        for (index, name) in columns::<E>().enumerate() {
            query.push(if index == 0 { "" } else { ", " });
            match tenant {
                Some(tenant) if name == "tenant_id" => parts::push_uuid(&mut query, tenant.uuid()),
                _ if index < E::COLUMNS.len() => DB::push_value(row, index, &mut query),
                _ => push_kept(&mut query, name, now),
            }
        }
    }
    query.push(")");
    query
}

/// The struct's columns, then those that the table has besides and an insert fills.
fn columns<E: Entity>() -> impl Iterator<Item = &'static str> {
    let kept = [
        (E::OWNER == saas_core::Owner::Tenant, "tenant_id"),
        (E::TIMESTAMPED, "created_at"),
        (E::TIMESTAMPED, "updated_at"),
        (E::VERSIONED, "version"),
    ];
    let own = |name| E::COLUMNS.iter().any(|column| column.name == name);
    let kept = kept.into_iter().filter(move |(promised, name)| *promised && !own(*name));
    E::COLUMNS.iter().map(|column| column.name).chain(kept.map(|(_, name)| name))
}

fn push_kept<DB: TenantBackend>(query: &mut QueryBuilder<DB>, name: &str, now: DateTime<Utc>) {
    if name == "version" {
        <DB as Binds<i64>>::push_bind(query, &Version::FIRST.get());
    } else {
        <DB as Binds<DateTime<Utc>>>::push_bind(query, &now);
    }
}
