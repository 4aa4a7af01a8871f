//! What every statement is put together from.

use std::fmt::Display;

use saas_core::schema::quoted;
use saas_core::sql::{Backend, Binds, Fragment};
use saas_core::{Deleted, Entity, Id, TenantId, Version};
use sqlx::QueryBuilder;
use uuid::Uuid;

/// A bound value as a fragment, so that an update holds values of many types.
pub(super) struct Bound<T>(pub(super) T);

impl<DB: Binds<T>, T: Send + Sync> Fragment<DB> for Bound<T> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        DB::push_bind(query, &self.0);
    }
}

/// The row with this id, as a condition.
pub(super) struct ById<E>(pub(super) Id<E>);

impl<DB: Backend, E: Entity> Fragment<DB> for ById<E> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        query.push(column::<E>("id")).push(" = ");
        push_uuid(query, self.0.uuid());
    }
}

/// A statement that begins so, with room for most: growing bit by bit would copy it many times.
pub(crate) fn begin<DB: Backend>(words: &'static str) -> QueryBuilder<DB> {
    let mut text = String::with_capacity(ROOM);
    text.push_str(words);
    QueryBuilder::new(text)
}

/// Two dozen columns and a few conditions.
const ROOM: usize = 1024;

/// A column with its table, so that it means the same inside a join.
pub(super) fn column<E: Entity>(name: &str) -> impl Display {
    in_table(E::TABLE, name)
}

/// The same for a table by its name.
pub(super) fn in_table(table: &'static str, name: &str) -> impl Display {
    std::fmt::from_fn(move |f| write!(f, "{}.{}", quoted(table), quoted(name)))
}

pub(super) fn push_uuid<DB: Backend>(query: &mut QueryBuilder<DB>, value: Uuid) {
    <DB as Binds<Uuid>>::push_bind(query, &value);
}

/// ` where` and the scope: whose rows, and whether deleted ones. Every statement on rows that exist
/// begins its condition here.
pub(super) fn push_scope<DB: Backend, E: Entity>(
    query: &mut QueryBuilder<DB>,
    tenant: Option<TenantId>,
    deleted: Deleted,
) {
    push_scope_of(query, E::TABLE, tenant, deleted_of::<E>(deleted));
}

/// Of an entity that is not soft-deleted all rows live.
pub(super) fn deleted_of<E: Entity>(deleted: Deleted) -> Deleted {
    if E::SOFT_DELETES { deleted } else { Deleted::With }
}

/// The same for a table whose rows are soft-deleted.
pub(super) fn push_scope_of<DB: Backend>(
    query: &mut QueryBuilder<DB>,
    table: &'static str,
    tenant: Option<TenantId>,
    deleted: Deleted,
) {
    match tenant {
        Some(tenant) => {
            query.push(" where ").push(in_table(table, "tenant_id")).push(" = ");
            push_uuid(query, tenant.uuid());
        }
        None => {
            query.push(" where 1 = 1");
        }
    }
    push_deleted(query, table, deleted);
}

/// ` and deleted_at is …`.
pub(super) fn push_deleted<DB: Backend>(
    query: &mut QueryBuilder<DB>,
    table: &'static str,
    deleted: Deleted,
) {
    if let Some(condition) = deleted.condition() {
        query.push(" and ").push(quoted(table)).push(".").push(condition);
    }
}

/// ` and id = …`.
pub(super) fn push_id<DB: Backend, E: Entity>(query: &mut QueryBuilder<DB>, id: Id<E>) {
    query.push(" and ").push(column::<E>("id")).push(" = ");
    push_uuid(query, id.uuid());
}

/// ` and (…)` for each filter.
pub(super) fn push_filters<DB: Backend>(
    query: &mut QueryBuilder<DB>,
    filters: &[Box<dyn Fragment<DB>>],
) {
    for filter in filters {
        query.push(" and (");
        filter.push_to(query);
        query.push(")");
    }
}

/// What an upsert calls the row that is there: its table, unless that has the name which the
/// statement gives to the new row. In capitals, which no entity's table has.
pub(super) fn stored<E: Entity>() -> &'static str {
    let bare = E::TABLE.rsplit('.').next().unwrap_or(E::TABLE);
    if bare == "excluded" { "Stored" } else { E::TABLE }
}

/// What every write to a row also does: it moves `updated_at` and counts the version.
pub(super) fn push_touch<DB: Backend, E: Entity>(
    query: &mut QueryBuilder<DB>,
    now: chrono::DateTime<chrono::Utc>,
) {
    push_touch_of::<DB, E>(query, E::TABLE, now);
}

/// The same where the table has another name.
pub(super) fn push_touch_of<DB: Backend, E: Entity>(
    query: &mut QueryBuilder<DB>,
    table: &'static str,
    now: chrono::DateTime<chrono::Utc>,
) {
    if E::TIMESTAMPED {
        query.push(", \"updated_at\" = ");
        <DB as Binds<chrono::DateTime<chrono::Utc>>>::push_bind(query, &now);
    }
    if E::VERSIONED {
        // With its table, since an upsert has two versions at hand.
        query.push(", \"version\" = ").push(in_table(table, "version")).push(" + 1");
    }
}

/// ` and version = …`, where one is expected.
pub(super) fn push_version<DB: Backend, E: Entity>(
    query: &mut QueryBuilder<DB>,
    version: Option<Version>,
) {
    if let Some(version) = version {
        query.push(" and ").push(column::<E>("version")).push(" = ");
        <DB as Binds<i64>>::push_bind(query, &version.get());
    }
}
