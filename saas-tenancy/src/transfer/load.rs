//! Rows of an export, written.

use saas_core::schema::{Dialect, quoted};
use saas_core::sql::{Binds, Statements};
use saas_core::{Kind, TenantId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::columns::{Real, push_cast, real};
use super::lines::Part;
use super::reader::{Known, Taken};
use super::{Cell, Fault};
use crate::{Error, Result, Table, TenantBackend, TenantTx};

/// A table that rows go to.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) columns: Vec<(&'static str, Kind, Real)>,
}

/// A row with the number of its line.
#[derive(Debug)]
pub(super) struct Numbered {
    pub(super) line: u64,
    pub(super) taken: Taken,
}

/// SQLite takes 32,766 parameters to a statement, PostgreSQL twice as many.
const MAX_PARAMETERS: usize = 32_766;

impl Target {
    pub(super) async fn find<DB: TenantBackend>(
        tx: &mut TenantTx<DB>,
        table: &Table,
        known: &Known,
    ) -> Result<Self> {
        let reals = real(tx, table).await?;
        let columns = known.columns.iter().filter_map(|(name, kind)| {
            Some((*name, *kind, reals.iter().find(|real| real.name == *name)?.clone()))
        });
        Ok(Self { name: known.name, columns: columns.collect() })
    }
}

/// Whether the database can keep the row as it is.
pub(super) fn check<DB: TenantBackend>(taken: &Taken, target: &Target) -> Result<(), Fault> {
    // SQLite would keep NULL instead.
    let lost = |cell: &Option<Cell>| matches!(cell, Some(Cell::Float(number)) if number.is_nan());
    match taken.cells.iter().position(lost) {
        Some(at) if DB::DIALECT == Dialect::Sqlite => Err(Fault::Value {
            table: target.name.to_owned(),
            column: target.columns[at].0.to_owned(),
            kind: "float that SQLite can keep",
        }),
        _ => Ok(()),
    }
}

/// Writes rows in their order.
pub(super) async fn write<DB: TenantBackend>(
    tx: &mut TenantTx<DB>,
    targets: &[Target],
    rows: &[Numbered],
) -> Result<()> {
    let alike = |one: &Numbered, other: &Numbered| {
        (one.taken.table, one.taken.part, &one.taken.named)
            == (other.taken.table, other.taken.part, &other.taken.named)
    };
    for rows in rows.chunk_by(alike) {
        let Some(first) = rows.first() else { continue };
        let target = &targets[first.taken.table];
        for rows in rows.chunks((MAX_PARAMETERS - 1) / target.columns.len().max(1)) {
            let query = match first.taken.part {
                Part::Rows => insert(target, rows),
                Part::Selves => update(target, rows, tx.tenant()),
            };
            // The text depends on how many rows there are: named, each number of them would stay
            // prepared on the connection.
            let written = tx.execute(query, Statements::Unnamed).await;
            if written.map_err(Error::on(target.name))? < rows.len() as u64 {
                return Err(Error::NotFound { table: target.name });
            }
        }
    }
    Ok(())
}

fn insert<DB: TenantBackend>(target: &Target, rows: &[Numbered]) -> QueryBuilder<DB> {
    let mut query = QueryBuilder::new("insert into ");
    query.push(quoted(target.name)).push(" (");
    for (place, (name, ..)) in target.columns.iter().enumerate() {
        query.push(if place == 0 { "" } else { ", " }).push(quoted(name));
    }
    query.push(") values ");
    push_rows(&mut query, target, rows, |_| true);
    query
}

/// Sets, in rows that are there, the columns that the lines name.
fn update<DB: TenantBackend>(
    target: &Target,
    rows: &[Numbered],
    tenant: TenantId,
) -> QueryBuilder<DB> {
    let named = |at: usize| rows.first().is_some_and(|row| row.taken.named[at]);
    let mut query = QueryBuilder::new("update ");
    query.push(quoted(target.name)).push(" set ");
    // Both databases call the columns of a list of values column1, column2 and so on.
    let listed = (0..target.columns.len()).filter(|at| named(*at)).zip(1..);
    let (mut id, mut separator) = (0, "");
    for (at, place) in listed {
        let name = target.columns[at].0;
        if name == "id" {
            id = place;
            continue;
        }
        query.push(separator).push(quoted(name)).push(" = \"Listed\".column").push(place);
        separator = ", ";
    }
    query.push(" from (values ");
    push_rows(&mut query, target, rows, named);
    // In capitals, which no entity's table has.
    query.push(") as \"Listed\" where \"id\" = \"Listed\".column").push(id);
    query.push(" and \"tenant_id\" = ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &tenant.uuid());
    query
}

fn push_rows<DB: TenantBackend>(
    query: &mut QueryBuilder<DB>,
    target: &Target,
    rows: &[Numbered],
    named: impl Fn(usize) -> bool,
) {
    for (number, row) in rows.iter().enumerate() {
        query.push(if number == 0 { "(" } else { ", (" });
        let mut separator = "";
        for (at, (_, kind, real)) in target.columns.iter().enumerate().filter(|(at, _)| named(*at))
        {
            query.push(separator);
            push_cast(query, row.taken.cells[at].as_ref(), *kind, real);
            separator = ", ";
        }
        query.push(")");
    }
}
