//! What every statement is put together from.

use std::fmt::Display;

use saas_core::schema::quoted;
use saas_core::sql::{Backend, Binds, Fragment};
use saas_core::{Deleted, Entity, Id, TenantId};
use sqlx::QueryBuilder;
use uuid::Uuid;

/// A bound value as a fragment, so that an update holds values of many types.
pub(super) struct Bound<T>(pub(super) T);

impl<DB: Binds<T>, T: Send + Sync> Fragment<DB> for Bound<T> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        DB::push_bind(query, &self.0);
    }
}

/// A column with its table, so that it means the same inside a join.
pub(super) fn column<E: Entity>(name: &str) -> impl Display {
    std::fmt::from_fn(move |f| write!(f, "{}.{}", quoted(E::TABLE), quoted(name)))
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
    match tenant {
        Some(tenant) => {
            query.push(" where ").push(column::<E>("tenant_id")).push(" = ");
            push_uuid(query, tenant.uuid());
        }
        None => {
            query.push(" where 1 = 1");
        }
    }
    if !E::SOFT_DELETES {
        return;
    }
    if let Some(condition) = deleted.condition() {
        query.push(" and ").push(quoted(E::TABLE)).push(".").push(condition);
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

/// What every write to a row also does: it moves `updated_at` and counts the version.
pub(super) fn push_touch<DB: Backend, E: Entity>(
    query: &mut QueryBuilder<DB>,
    now: chrono::DateTime<chrono::Utc>,
) {
    if E::TIMESTAMPED {
        query.push(", \"updated_at\" = ");
        <DB as Binds<chrono::DateTime<chrono::Utc>>>::push_bind(query, &now);
    }
    if E::VERSIONED {
        query.push(", \"version\" = \"version\" + 1");
    }
}
