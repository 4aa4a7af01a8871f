//! The columns that a table really has.

use saas_core::schema::{Dialect, quoted};
use saas_core::sql::Binds;
use saas_core::{ColumnDef, Kind};
use sqlx::QueryBuilder;

use super::Cell;
use crate::{Error, Result, Table, TenantBackend, TenantTx};

/// A column, and what a value of it has to be cast to; nothing where values carry their type.
#[derive(Debug, Clone)]
pub(super) struct Real {
    pub(super) name: String,
    pub(super) cast: String,
}

// Without its modifier: a cast to varchar(3) would cut, an assignment refuses.
const POSTGRES: &str = "
    select attname::text, format_type(atttypid, null)
      from pg_attribute
     where attnum > 0 and not attisdropped and attgenerated = '' and attrelid = to_regclass(";

/// The table's columns, but for those that the database computes.
///
/// # Errors
/// [`Error::Columns`] if they are not those of the entity.
pub(super) async fn real<DB: TenantBackend>(
    tx: &mut TenantTx<DB>,
    table: &Table,
) -> Result<Vec<Real>> {
    let mut query = match DB::DIALECT {
        Dialect::Postgres => QueryBuilder::new(POSTGRES),
        Dialect::Sqlite => QueryBuilder::new("select name, '' from pragma_table_info("),
    };
    let name = match DB::DIALECT {
        Dialect::Postgres => quoted(table.name).to_string(),
        Dialect::Sqlite => table.name.rsplit('.').next().unwrap_or(table.name).to_owned(),
    };
    <DB as Binds<String>>::push_bind(&mut query, &name);
    query.push(")");
    let text = |row: &DB::Row, at| {
        Ok::<_, sqlx::Error>(
            DB::cell(row, at, Kind::Text)?.and_then(Cell::text).unwrap_or_default(),
        )
    };
    let mut found = Vec::new();
    for row in tx.fetch_all(query).await? {
        found.push(Real { name: text(&row, 0)?, cast: text(&row, 1)? });
    }
    compare(table, &found)?;
    Ok(found)
}

fn compare(table: &Table, found: &[Real]) -> Result<()> {
    let declared = |real: &&Real| table.columns.iter().any(|column| column.name == real.name);
    let there = |column: &&ColumnDef| found.iter().any(|real| real.name == column.name);
    let undeclared: Vec<_> =
        found.iter().filter(|real| !declared(real)).map(|real| real.name.clone()).collect();
    let missing: Vec<_> =
        table.columns.iter().filter(|column| !there(column)).map(|column| column.name).collect();
    if undeclared.is_empty() && missing.is_empty() {
        return Ok(());
    }
    Err(Error::Columns { table: table.name, undeclared, missing })
}

/// Writes a column as the widest type of its kind, which every value of it can be read as.
pub(super) fn push_widest<DB: TenantBackend>(
    query: &mut QueryBuilder<DB>,
    column: &str,
    kind: Kind,
) {
    query.push(quoted(column));
    // Differs: SQLite's values carry their type, and integers are all of one size.
    if DB::DIALECT == Dialect::Postgres {
        query.push("::").push(match kind {
            Kind::SmallInt | Kind::Int => Dialect::Postgres.type_name(Kind::BigInt),
            Kind::Json => "text",
            kind => Dialect::Postgres.type_name(kind),
        });
    }
}

/// Writes a value as the type of its column.
pub(super) fn push_cast<DB: TenantBackend>(
    query: &mut QueryBuilder<DB>,
    cell: Option<&Cell>,
    kind: Kind,
    real: &Real,
) {
    super::cell::push(query, cell, kind);
    if DB::DIALECT == Dialect::Postgres {
        query.push("::").push(&real.cast);
    }
}
