//! By which references rows are found from those that a deletion or a restore begins with.

use saas_core::schema::quoted;
use saas_core::{Column, Deleted, DeletionId, Entity, Id, TenantId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::parts;
use crate::TenantBackend;

/// A column that points to the table before it on a path, the first one to the root.
#[derive(Clone, Copy)]
pub(super) struct Reference {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
}

impl Reference {
    pub(super) fn of<C: Entity, P, N>(child: Column<C, Id<P>, N>) -> Self {
        Self { table: C::TABLE, column: child.name() }
    }
}

/// Where paths begin and what they lead through.
pub(super) struct Root {
    pub(super) tenant: Option<TenantId>,
    pub(super) table: &'static str,
    /// The row; without it, all rows of the table that the deletion took.
    pub(super) row: Option<Uuid>,
    /// Paths lead through rows that this deletion took; without it, through those that live.
    pub(super) taken_by: Option<DeletionId>,
}

impl Root {
    /// ` and` the last reference leads to the root.
    pub(super) fn push_path<DB: TenantBackend>(
        &self,
        query: &mut QueryBuilder<DB>,
        path: &[Reference],
    ) {
        let Some((last, before)) = path.split_last() else { return };
        query.push(" and ").push(parts::in_table(last.table, last.column));
        match (before.last(), self.row) {
            (None, Some(row)) => {
                query.push(" = ");
                parts::push_uuid(query, row);
            }
            (parent, _) => {
                let parent = parent.map_or(self.table, |parent| parent.table);
                query.push(" in (select ").push(parts::in_table(parent, "id"));
                query.push(" from ").push(quoted(parent));
                let deleted = self.taken_by.map_or(Deleted::Without, |_| Deleted::Only);
                parts::push_scope_of(query, parent, self.tenant, deleted);
                if let Some(deletion) = self.taken_by {
                    query.push(" and ").push(parts::in_table(parent, "deletion_id")).push(" = ");
                    parts::push_uuid(query, deletion.uuid());
                }
                self.push_path(query, before);
                query.push(")");
            }
        }
    }
}
