//! A tenant's rows out of a database, into one, and gone.
//!
//! An export is lines of JSON, the same from either database: first what it is, then every row of the
//! tenant, parents before children, last how many there were and a checksum. It goes through a stream
//! of strings; files and sockets are the caller's. An import reads such a stream, into the same tenant
//! or another, in the same database or another: so a tenant moves from one model of isolation, or one
//! kind of database, to another.
//!
//! ```no_run
//! # async fn example(db: saas_tenancy::TenantDb<sqlx::Postgres>,
//! #     other: saas_tenancy::TenantDb<sqlx::Sqlite>, registry: saas_tenancy::Registry,
//! #     tenant: saas_core::TenantId) -> saas_tenancy::Result<()> {
//! use saas_tenancy::transfer::Transfer;
//!
//! let from = Transfer::new(&db, &registry)?;
//! let to = Transfer::new(&other, &registry)?;
//! let moved = to.import(tenant, from.export(tenant)).await?;
//! let gone = from.erase(tenant).await?;
//! assert_eq!(moved.rows, gone.rows);
//! # Ok(()) }
//! ```
//!
//! # Lines
//!
//! ```json
//! {"format":"saas-tenancy export","version":1,"tenant":"0198…","tables":[{"name":"notes","columns":[["tenant_id","uuid"],["id","uuid"],["body","text"]]}]}
//! {"t":"notes","r":{"tenant_id":"0198…","id":"0198…","body":"hello"}}
//! {"end":{"rows":{"notes":1},"sha256":"…"}}
//! ```
//!
//! | kind | value |
//! |---|---|
//! | uuid, text, date | a string |
//! | smallint, int, bigint, bool | a number, `true` or `false` |
//! | float | a number that reads back exactly; `"NaN"`, `"inf"`, `"-inf"` |
//! | timestamp | a string after RFC 3339 in UTC with microseconds |
//! | bytes | a string, base64 |
//! | json | itself |
//! | NULL | `null`; in a column of JSON, which can hold `null` itself, nothing at all |
//!
//! A column that points to its own table is not in the row but in a line of its own,
//! `{"t":…,"s":{"id":…,…}}`, after all rows of the table: so every reference holds as soon as it is
//! there, whatever the order of the rows. The checksum is SHA-256 over all lines before the last, each
//! with its line feed.
//!
//! # What is not in it
//!
//! Global entities, which an import expects to be there; the tenant's record, settings and audit
//! entries; columns that the database computes. Soft-deleted rows are in it. A table that has a column
//! the entity does not declare is an error rather than a silent loss.

mod audit;
mod cell;
mod columns;
mod encode;
mod erase;
mod export;
mod fault;
mod import;
mod lines;
mod load;
mod progress;
mod reader;
mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{Registry, Result, Table, TenantBackend, TenantDb};

pub use audit::erase_audit;
pub use cell::Cell;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use cell::read;
pub use export::Export;
pub use fault::Fault;

/// Exports, imports and erases tenants' rows of the registered entities.
pub struct Transfer<DB: TenantBackend> {
    db: TenantDb<DB>,
    registry: Arc<Registry>,
    tables: Arc<[Tenants]>,
    batch: u32,
}

/// A table of tenants' rows.
#[derive(Debug, Clone)]
struct Tenants {
    table: Table,
    /// The columns that point to the table itself, and whether they can be NULL.
    selves: Vec<(&'static str, bool)>,
}

/// What an import or an erasure came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Transferred {
    /// How many rows, by table; tables without any are not in it.
    pub rows: BTreeMap<String, u64>,
}

/// As many rows as one statement reads and one transaction writes.
const BATCH: u32 = 1000;

impl<DB: TenantBackend> Transfer<DB> {
    /// For the tenants' tables of this registry.
    ///
    /// # Errors
    /// [`Error::ReferenceCycle`](crate::Error::ReferenceCycle) if there is no order for them.
    pub fn new(db: &TenantDb<DB>, registry: &Registry) -> Result<Self> {
        let tables = registry.in_order()?.into_iter().filter(|table| table.is_tenants());
        let tables = tables.cloned().map(Tenants::of).collect();
        Ok(Self { db: db.clone(), registry: Arc::new(registry.clone()), tables, batch: BATCH })
    }

    /// Reads and writes this many rows at a time, instead of 1,000: fewer where rows are large.
    #[must_use]
    pub fn batch(mut self, rows: u32) -> Self {
        self.batch = rows.max(1);
        self
    }
}

impl Tenants {
    fn of(table: Table) -> Self {
        let selves = table
            .columns
            .iter()
            .filter(|column| column.references.is_some_and(|parent| parent.table == table.name));
        Self { selves: selves.map(|column| (column.name, column.nullable)).collect(), table }
    }
}

impl<DB: TenantBackend> Clone for Transfer<DB> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            registry: Arc::clone(&self.registry),
            tables: Arc::clone(&self.tables),
            batch: self.batch,
        }
    }
}

impl<DB: TenantBackend> fmt::Debug for Transfer<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.tables.iter().map(|own| own.table.name).collect();
        f.debug_struct("Transfer").field("tables", &names).finish_non_exhaustive()
    }
}
