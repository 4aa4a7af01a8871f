//! A table's rows as lines.

use saas_core::schema::quoted;
use saas_core::sql::Binds;
use saas_core::{Kind, TenantId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::columns::push_widest;
use super::lines::Part;
use super::{Cell, Tenants, encode};
use crate::{Error, Result, TenantBackend};

impl Tenants {
    /// What a line of this part holds; nothing if there is no such part.
    pub(super) fn columns(&self, part: Part) -> Vec<(&'static str, Kind)> {
        let all = self.table.columns.iter().map(|column| (column.name, column.kind));
        let is_self = |name: &str| self.selves.iter().any(|(own, _)| *own == name);
        // One that cannot be NULL is in the row too, where it points to the row itself at first.
        let is_later = |name: &str| self.selves.iter().any(|(own, null)| *own == name && *null);
        match part {
            Part::Rows => all.filter(|(name, _)| !is_later(name)).collect(),
            Part::Selves if self.selves.is_empty() => Vec::new(),
            Part::Selves => all.filter(|(name, _)| *name == "id" || is_self(name)).collect(),
        }
    }

    pub(super) fn select<DB: TenantBackend>(
        &self,
        part: Part,
        columns: &[(&'static str, Kind)],
        tenant: TenantId,
        after: Option<Uuid>,
        limit: u32,
    ) -> QueryBuilder<DB> {
        let mut query = QueryBuilder::new("select ");
        for (place, (name, kind)) in columns.iter().enumerate() {
            query.push(if place == 0 { "" } else { ", " });
            let itself = part == Part::Rows && self.selves.iter().any(|(own, _)| own == name);
            push_widest(&mut query, if itself { "id" } else { name }, *kind);
        }
        query.push(" from ").push(quoted(self.table.name)).push(" where \"tenant_id\" = ");
        <DB as Binds<Uuid>>::push_bind(&mut query, &tenant.uuid());
        if part == Part::Selves {
            for (place, (name, _)) in self.selves.iter().enumerate() {
                query.push(if place == 0 { " and (" } else { " or " });
                query.push(quoted(name)).push(" is not null");
            }
            query.push(")");
        }
        if let Some(after) = after {
            query.push(" and \"id\" > ");
            <DB as Binds<Uuid>>::push_bind(&mut query, &after);
        }
        query.push(" order by \"id\" limit ").push(limit);
        query
    }

    /// The row's id, and its line.
    pub(super) fn line<DB: TenantBackend>(
        &self,
        part: Part,
        columns: &[(&'static str, Kind)],
        row: &DB::Row,
    ) -> Result<(Uuid, String)> {
        let mut line = String::with_capacity(64 * columns.len());
        line.push_str("{\"t\":");
        // Writing to a string does not fail.
        let _ = encode::text_to(&mut line, self.table.name);
        line.push_str(if part == Part::Rows { ",\"r\":{" } else { ",\"s\":{" });
        let mut id = None;
        let mut separator = "";
        for (at, (name, kind)) in columns.iter().enumerate() {
            let unreadable = |why: Box<dyn std::error::Error + Send + Sync>| Error::Unreadable {
                table: self.table.name,
                column: name,
                source: why,
            };
            let cell = DB::cell(row, at, *kind).map_err(|error| unreadable(error.into()))?;
            if cell.is_none() && *kind == Kind::Json {
                continue;
            }
            line.push_str(separator);
            separator = ",";
            let _ = encode::text_to(&mut line, name);
            line.push(':');
            match &cell {
                Some(cell) => {
                    encode::write(&mut line, cell).map_err(|why| unreadable(why.into()))?;
                }
                None => line.push_str("null"),
            }
            if *name == "id" {
                id = cell.and_then(Cell::uuid);
            }
        }
        line.push_str("}}");
        let no_id =
            || Error::Unreadable { table: self.table.name, column: "id", source: "is NULL".into() };
        Ok((id.ok_or_else(no_id)?, line))
    }
}
