use chrono::{DateTime, Utc};
use saas_core::schema::quoted;
use saas_core::sql::{Binds, Statements, Writes};
use saas_core::{Entity, Owner, TenantId, Version};
use sqlx::QueryBuilder;

use super::parts;
use crate::{Error, Reachable, Result, TenantBackend, Tx, Writing};

impl<DB: TenantBackend, S: Writing> Tx<DB, S> {
    /// Inserts a row, stamped with this transaction's tenant.
    ///
    /// Columns that the entity's attributes promise and the struct does not hold are filled:
    /// `created_at` and `updated_at` with the clock, `version` with 1.
    ///
    /// In the other scope it does not compile:
    ///
    /// ```compile_fail,E0277
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, body: String, due: Option<i32> }
    /// # fn example(mut tx: saas_tenancy::GlobalTx<sqlx::Sqlite>, note: Note) {
    /// tx.insert(&note);
    /// # }
    /// ```
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

    /// Inserts many rows, many to a statement.
    ///
    /// PostgreSQL gets an array per column, so that the statement is the same for any number of
    /// rows; SQLite, and an entity with a column type of its own, gets the values one by one.
    ///
    /// # Errors
    /// As [`insert`](Self::insert). An error leaves the rows before it in the transaction: drop it.
    pub async fn insert_all<E: Reachable<S>>(&mut self, entities: &[E]) -> Result<()>
    where
        DB: Writes<E>,
    {
        let (tenant, named) = (self.scope().tenant(), self.statements());
        let foreign = |named| Some(named) != tenant;
        if entities.iter().any(|entity| entity.named_tenant().is_some_and(foreign)) {
            return Err(Error::ForeignTenant { table: E::TABLE });
        }
        let arrays = entities.len() > 1 && DB::takes_arrays::<E>();
        let most = if arrays { ARRAY_ROWS } else { VALUE_ROWS.min(MAX_PARAMETERS / width::<E>()) };
        let now = self.clock().now();
        for rows in entities.chunks(most) {
            // The text depends on how many rows are said one by one: kept by name, each number of
            // them would stay prepared on every connection.
            let (query, statements) = match (arrays, rows) {
                (true, _) => (push_arrays(rows, tenant, now), named),
                (false, [_]) => (push_insert(rows, tenant, now), named),
                (false, _) => (push_insert(rows, tenant, now), Statements::Unnamed),
            };
            self.execute(query, statements).await.map_err(Error::on(E::TABLE))?;
        }
        Ok(())
    }
}

/// As many rows as one message holds without weighing on the memory of either side.
const ARRAY_ROWS: usize = 10_000;
/// Above a few hundred rows SQLite takes longer to read the text than it saves in steps (measured).
const VALUE_ROWS: usize = 250;
/// SQLite takes 32,766 parameters to a statement, PostgreSQL twice as many.
const MAX_PARAMETERS: usize = 32_766;

/// `insert into … values (…), (…)`.
pub(super) fn push_insert<DB, E>(
    rows: &[E],
    tenant: Option<TenantId>,
    now: DateTime<Utc>,
) -> QueryBuilder<DB>
where
    DB: TenantBackend + Writes<E>,
    E: Entity,
{
    let mut query = push_into::<DB, E>();
    query.push(" values (");
    for (number, row) in rows.iter().enumerate() {
        query.push(if number == 0 { "" } else { "), (" });
        for (place, column) in own::<E>().enumerate() {
            query.push(if place == 0 { "" } else { ", " });
            DB::push_value(row, column, &mut query);
        }
        for name in kept::<E>() {
            query.push(", ");
            push_kept(&mut query, name, tenant, now);
        }
    }
    query.push(")");
    query
}

/// `insert into … select … from` arrays, one for each column.
pub(super) fn push_arrays<DB, E>(
    rows: &[E],
    tenant: Option<TenantId>,
    now: DateTime<Utc>,
) -> QueryBuilder<DB>
where
    DB: TenantBackend + Writes<E>,
    E: Entity,
{
    let mut query = push_into::<DB, E>();
    query.push(" select listed.*");
    for name in kept::<E>() {
        query.push(", ");
        push_kept(&mut query, name, tenant, now);
    }
    query.push(" from ");
    let columns: Vec<_> = own::<E>().collect();
    DB::push_arrays(&mut query, rows, &columns);
    query.push(" listed");
    query
}

/// `insert into … (…)`: the row's own columns, then those that the statement fills.
fn push_into<DB: TenantBackend, E: Entity>() -> QueryBuilder<DB> {
    let mut query = parts::begin("insert into ");
    query.push(quoted(E::TABLE));
    let stored = parts::stored::<E>();
    if stored != E::TABLE {
        query.push(" as ").push(quoted(stored));
    }
    query.push(" (");
    let own = own::<E>().map(|column| E::COLUMNS[column].name);
    for (place, name) in own.chain(kept::<E>()).enumerate() {
        query.push(if place == 0 { "" } else { ", " }).push(quoted(name));
    }
    query.push(")");
    query
}

fn width<E: Entity>() -> usize {
    own::<E>().count() + kept::<E>().count()
}

/// The struct's columns, by place, but for the tenant: whose row it is, is never the row's to say.
fn own<E: Entity>() -> impl Iterator<Item = usize> {
    let tenants = E::OWNER == Owner::Tenant;
    (0..E::COLUMNS.len()).filter(move |at| !(tenants && E::COLUMNS[*at].name == "tenant_id"))
}

/// What the statement fills: the tenant, and what the attributes promise and the struct lacks.
fn kept<E: Entity>() -> impl Iterator<Item = &'static str> {
    let missing = |name| !E::COLUMNS.iter().any(|column| column.name == name);
    [
        (E::OWNER == Owner::Tenant, "tenant_id"),
        (E::TIMESTAMPED && missing("created_at"), "created_at"),
        (E::TIMESTAMPED && missing("updated_at"), "updated_at"),
        (E::VERSIONED && missing("version"), "version"),
    ]
    .into_iter()
    .filter_map(|(fills, name)| fills.then_some(name))
}

fn push_kept<DB: TenantBackend>(
    query: &mut QueryBuilder<DB>,
    name: &str,
    tenant: Option<TenantId>,
    now: DateTime<Utc>,
) {
    match name {
        "tenant_id" => <DB as Binds<Option<TenantId>>>::push_bind(query, &tenant),
        "version" => <DB as Binds<i64>>::push_bind(query, &Version::FIRST.get()),
        _ => <DB as Binds<DateTime<Utc>>>::push_bind(query, &now),
    }
}
