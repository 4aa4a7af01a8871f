//! What a page costs at any depth, what a whole list costs, and what a cursor costs: against SQL by
//! hand, against OFFSET, and against another library's cursor.
//!
//! All of it is about one table of one tenant. Ours is measured as an application calls it: query
//! string, signature, statement, rows, `has_next` and `has_prev`, both cursors. What is by hand does
//! the statement and the rows and no more.

mod codec;
mod depth;
mod engine;
mod peer;
mod shapes;
mod sqlite;
mod table;
mod total;
mod whole;

use chrono::{DateTime, NaiveDate, Utc};
use saas_core::sql::{Backend, Binds, Fragment};
use saas_pagination::{Cursors, Key, List, Page};
use sqlx::{FromRow, Postgres, QueryBuilder};
use uuid::Uuid;

use self::engine::Engine;
use self::table::Rows;
use crate::{Result, Size};

#[derive(Debug, Clone, PartialEq, FromRow)]
struct Entry {
    id: Uuid,
    created_at: DateTime<Utc>,
    due_on: Option<NaiveDate>,
    total: i64,
    batch: i64,
}

const COLUMNS: &str = "id, created_at, due_on, total, batch";
const TENANT: Uuid = Uuid::from_u128(1);

/// How many rows a page has.
const PAGE: usize = 25;

pub(crate) async fn run(size: Size) -> Result<()> {
    codec::run(size).await?;
    let rows = Rows::of(size);
    let database = table::postgres(rows).await?;
    let pool = database.app(1).await?;
    let mut conn = pool.acquire().await?;
    depth::run::<Postgres>(&mut conn, "pagination", &shapes::ALL, rows, size).await?;
    whole::run::<Postgres>(&mut conn, "pagination/whole", size).await?;
    total::run(&mut conn, size).await?;
    peer::run(&mut conn, &database.url(), rows, size).await?;
    drop(conn);
    database.remove().await?;
    sqlite::run(rows, size).await
}

/// The other libraries alone.
pub(crate) async fn peers(size: Size) -> Result<()> {
    let rows = Rows::of(size);
    let database = table::postgres(rows).await?;
    let pool = database.app(1).await?;
    peer::run(&mut *pool.acquire().await?, &database.url(), rows, size).await?;
    database.remove().await
}

/// What an application keeps for as long as it runs.
struct Ours {
    list: List<Entry>,
    cursors: Cursors,
}

impl Ours {
    fn new() -> Result<Self> {
        let total = Key::new("total", |entry: &Entry| entry.total).descending();
        let batch = Key::new("batch", |entry: &Entry| entry.batch).descending();
        let created_at = || Key::new("created_at", |entry: &Entry| entry.created_at);
        let list = List::new("entries", "id", |entry: &Entry| entry.id)
            .sort_by("created_at", [created_at()])
            .sort("due_on", "due_on", |entry: &Entry| entry.due_on)
            .sort_by("mixed", [total, created_at()])
            .sort_by("tied", [batch, created_at()]);
        Ok(Self { list, cursors: Cursors::new([7; 32])? })
    }

    fn cursor(&self, query: &str, row: &Entry) -> Result<String> {
        Ok(self.list.request(query, &self.cursors, TENANT)?.cursor(row)?)
    }

    async fn page<DB: Engine>(
        &self,
        conn: &mut DB::Connection,
        query: &str,
    ) -> Result<Page<Entry>> {
        Ok(self.list.request(query, &self.cursors, TENANT)?.fetch::<_, DB>(Base, conn).await?)
    }
}

/// One tenant's entries, scoped as its select is.
struct Base;

impl<DB: Backend> Fragment<DB> for Base {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        query.push("select ").push(COLUMNS).push(" from entries where tenant_id = ");
        <DB as Binds<Uuid>>::push_bind(query, &TENANT);
    }
}
