//! The statements that the kit writes by hand.

use chrono::{DateTime, Utc};
use saas_core::TenantId;
use saas_core::schema::{Dialect, quoted};
use saas_core::sql::{self, Binds, Fragment};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::subject::Made;
use crate::TenantBackend;
use crate::registry::Table;

/// Every column of the tenant's rows of all tables, each row as one text.
pub(super) fn images<DB: TenantBackend>(
    tables: Vec<&Table>,
    tenant: TenantId,
) -> impl Fragment<DB> {
    sql::fragment(move |query: &mut QueryBuilder<DB>| {
        for (place, table) in tables.iter().enumerate() {
            query.push(if place == 0 { "select '" } else { " union all select '" });
            query.push(table.name).push(": ' || ").push(image::<DB>(table));
            query.push(" from ").push(quoted(table.name)).push(" t where t.\"tenant_id\" = ");
            DB::push_bind(query, &tenant);
        }
    })
}

fn image<DB: TenantBackend>(table: &Table) -> String {
    match DB::DIALECT {
        Dialect::Postgres => "t::text".to_owned(),
        // Differs: SQLite has no text of a whole row.
        Dialect::Sqlite => {
            let quote = |name: &str| format!("quote(t.{})", quoted(name));
            let columns = table.columns.iter().map(|column| quote(column.name));
            columns.collect::<Vec<_>>().join(" || ', ' || ")
        }
    }
}

/// `select count(*)` of a table, or of whatever else can be named.
pub(super) fn count<DB: TenantBackend>(table: &str) -> QueryBuilder<DB> {
    let mut query = QueryBuilder::new("select count(*) from ");
    query.push(quoted(table));
    query
}

/// The same of one row, without a tenant.
pub(super) fn count_of<DB: TenantBackend>(table: &str, id: Uuid) -> QueryBuilder<DB> {
    let mut query = count(table);
    query.push(" where \"id\" = ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &id);
    query
}

/// An update that changes nothing, of every row there is.
pub(super) fn touch_all<DB: TenantBackend>(table: &Table) -> QueryBuilder<DB> {
    let own = table.columns.iter().find(|column| !matches!(column.name, "tenant_id" | "id"));
    let column = own.map_or("id", |column| column.name);
    let mut query = QueryBuilder::new("update ");
    query.push(quoted(table.name)).push(" set ");
    query.push(quoted(column)).push(" = ").push(quoted(column));
    query
}

/// A delete of every row there is.
pub(super) fn delete_all<DB: TenantBackend>(table: &Table) -> QueryBuilder<DB> {
    let mut query = QueryBuilder::new("delete from ");
    query.push(quoted(table.name));
    query
}

/// A delete of a tenant's rows.
pub(super) fn remove<DB: TenantBackend>(table: &Table, tenant: TenantId) -> QueryBuilder<DB> {
    let mut query = delete_all(table);
    query.push(" where \"tenant_id\" = ");
    <DB as Binds<TenantId>>::push_bind(&mut query, &tenant);
    query
}

/// Marks a tenant's row as deleted, long ago.
pub(super) fn mark_deleted<DB: TenantBackend>(
    table: &Table,
    tenant: TenantId,
    id: Uuid,
) -> QueryBuilder<DB> {
    let mut query = QueryBuilder::new("update ");
    query.push(quoted(table.name)).push(" set \"deleted_at\" = ");
    <DB as Binds<DateTime<Utc>>>::push_bind(&mut query, &DateTime::UNIX_EPOCH);
    query.push(", \"deletion_id\" = ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &id);
    query.push(" where \"tenant_id\" = ");
    <DB as Binds<TenantId>>::push_bind(&mut query, &tenant);
    query.push(" and \"id\" = ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &id);
    query
}

/// Moves every row there is, with its references, to another tenant.
pub(super) fn give_all<DB: TenantBackend>(
    table: &Table,
    to: TenantId,
    references: &[(&'static str, Uuid)],
) -> QueryBuilder<DB> {
    let mut query = QueryBuilder::new("update ");
    query.push(quoted(table.name)).push(" set \"tenant_id\" = ");
    <DB as Binds<TenantId>>::push_bind(&mut query, &to);
    for (column, parent) in references {
        query.push(", ").push(quoted(column)).push(" = ");
        <DB as Binds<Uuid>>::push_bind(&mut query, parent);
    }
    query
}

/// The same of one row.
pub(super) fn give<DB: TenantBackend>(
    table: &Table,
    id: Uuid,
    to: TenantId,
    references: &[(&'static str, Uuid)],
) -> QueryBuilder<DB> {
    let mut query = give_all(table, to, references);
    query.push(" where \"id\" = ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &id);
    query
}

/// A row that no typed statement would write.
pub(super) struct Forged<'r, DB> {
    pub(super) table: &'r Table,
    /// `None` for nobody's.
    pub(super) tenant: Option<TenantId>,
    /// Id and references are this row's,
    pub(super) row: &'r Made<DB>,
    /// what else it holds is this one's.
    pub(super) values: &'r Made<DB>,
    /// Instead of the row's own.
    pub(super) references: &'r [(&'static str, Uuid)],
    pub(super) now: DateTime<Utc>,
}

impl<DB: TenantBackend> Forged<'_, DB> {
    pub(super) fn insert(&self) -> QueryBuilder<DB> {
        // A row that lives: what marks it as deleted is left out.
        let columns = self.table.columns.iter();
        let columns = columns.filter(|own| !matches!(own.name, "deleted_at" | "deletion_id"));
        let mut query = QueryBuilder::new("insert into ");
        query.push(quoted(self.table.name));
        for (place, column) in columns.clone().enumerate() {
            query.push(if place == 0 { " (" } else { ", " }).push(quoted(column.name));
        }
        for (place, column) in columns.enumerate() {
            query.push(if place == 0 { ") values (" } else { ", " });
            let other = self.references.iter().find(|(name, _)| *name == column.name);
            match (column.name, other) {
                ("tenant_id", _) => self.push_tenant(&mut query),
                (_, Some((_, parent))) => <DB as Binds<Uuid>>::push_bind(&mut query, parent),
                ("id", _) => <DB as Binds<Uuid>>::push_bind(&mut query, &self.row.id()),
                (name, _) if column.references.is_some() => {
                    self.row.row.push(name, &mut query);
                }
                (name, _) if self.values.row.push(name, &mut query) => {}
                ("version", _) => drop(query.push("1")),
                _ => <DB as Binds<DateTime<Utc>>>::push_bind(&mut query, &self.now),
            }
        }
        query.push(")");
        query
    }

    fn push_tenant(&self, query: &mut QueryBuilder<DB>) {
        match (self.tenant, DB::DIALECT) {
            (Some(tenant), _) => <DB as Binds<TenantId>>::push_bind(query, &tenant),
            (None, Dialect::Postgres) => drop(query.push("null")),
            // Differs: a text is no tenant, and the column would take it.
            (None, Dialect::Sqlite) => drop(query.push("'nobody'")),
        }
    }
}

/// The setting that a connection holds.
pub(super) const SETTING: &str = "select coalesce(current_setting('app.tenant_id', true), '')";

/// What reads a table and may be read by this role, each as its kind and its name: partitions and
/// children (`r`, `p`, `f`), views (`v`) and materialized views (`m`), through any chain.
const READERS: &str = "
    with recursive edges (source, reader) as (
        select inhparent, inhrelid from pg_inherits
        union
        select d.refobjid, w.ev_class
        from pg_rewrite w
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
            and d.refclassid = 'pg_class'::regclass and d.refobjid <> w.ev_class
    ), readers (oid) as (
        select reader from edges where source = to_regclass(";

const READABLE: &str = ")
        union
        select edges.reader from edges join readers on readers.oid = edges.source
    )
    select c.relkind::text || n.nspname || '.' || c.relname
    from readers
    join pg_class c on c.oid = readers.oid
    join pg_namespace n on n.oid = c.relnamespace
    where has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
    order by 1";

/// See `READERS`. A name with a dot in it is none that the kit could name.
pub(super) fn readers<DB: TenantBackend>(table: &Table) -> QueryBuilder<DB> {
    let mut query = QueryBuilder::new(READERS);
    <DB as Binds<String>>::push_bind(&mut query, &quoted(table.name).to_string());
    query.push(READABLE);
    query
}

/// All that a view shows, as one short text.
pub(super) fn shown<DB: TenantBackend>(view: &str) -> QueryBuilder<DB> {
    let mut query = QueryBuilder::new(
        "select coalesce(md5(string_agg(v::text, ',' order by v::text)), '') from ",
    );
    query.push(quoted(view)).push(" v");
    query
}
