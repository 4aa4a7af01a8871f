//! A million rows: wherever a page stands, whichever way it is walked, it costs what its rows cost.
//! Counted are PostgreSQL's buffers and SQLite's steps, never time.

use chrono::{DateTime, NaiveDate, Utc};
use saas_core::schema::Dialect;
use saas_core::sql::{Backend, Raw, Reads, Statements};
use saas_pagination::{Cursors, Indexes, Key, List, Nulls};
use sqlx::QueryBuilder;
use uuid::Uuid;

mod postgres;
mod sqlite;

#[derive(Debug, sqlx::FromRow)]
struct Invoice {
    id: Uuid,
    created_at: DateTime<Utc>,
    due_on: Option<NaiveDate>,
    total: i64,
}

/// Every shape of sort: one direction, mixed, NULLs last and first, and among several keys.
fn list() -> List<Invoice> {
    let created_at = || Key::new("created_at", |i: &Invoice| i.created_at);
    let due_on = || Key::new("due_on", |i: &Invoice| i.due_on);
    let total = || Key::new("total", |i: &Invoice| i.total);
    List::new("deep", "id", |i: &Invoice| i.id)
        .sort_by("created_at", [created_at()])
        .sort_by("mixed", [total().descending(), created_at()])
        .sort_by("nulls_last", [due_on()])
        .sort_by("nulls_first", [due_on().nulls(Nulls::First)])
        .sort_by("several", [due_on().nulls(Nulls::First), total().descending()])
        .sort_by("later", [total(), due_on().descending()])
}

const SORTS: [&str; 10] = [
    "created_at",
    "-created_at",
    "mixed",
    "-mixed",
    "nulls_last",
    "-nulls_last",
    "nulls_first",
    "-nulls_first",
    "several",
    "-several",
];

/// A key that can be NULL behind another one: SQLite has no index for its NULLs last while it
/// descends, and sorts the rows of one total.
const SORTS_OF_POSTGRES: [&str; 2] = ["later", "-later"];

/// Where pages begin: at either end and in the middle of the moments, at either edge of the NULLs
/// and of the days, and in the midst of 200,000 rows with the same total, 66,666 of them without a
/// day.
const POSITIONS: [&str; 9] = [
    "order by created_at, id limit 1",
    "order by created_at desc, id desc limit 1",
    "order by created_at, id limit 1 offset 500000",
    "and due_on is null order by due_on, id limit 1",
    "and due_on is null order by due_on desc, id desc limit 1",
    "and due_on is not null order by due_on, id limit 1",
    "and due_on is not null order by due_on desc, id desc limit 1",
    "and total = 400 order by total desc, created_at, id limit 1 offset 100000",
    "and due_on is null and total = 400 order by total, id limit 1 offset 30000",
];

const LIMIT: u32 = 10;

/// Scoped as a tenant's select is.
const BASE: Raw = Raw("select id, created_at, due_on, total from deep \
     where tenant_id = 1 and deleted_at is null");

fn indexes() -> Indexes {
    Indexes::default().equal(["tenant_id"]).only("deleted_at is null")
}

fn cursors() -> Cursors {
    Cursors::new([7; 32]).unwrap()
}

/// The first page of every sort, and the pages both ways from each position.
async fn queries<DB>(conn: &mut DB::Connection) -> Vec<String>
where
    DB: Backend + Reads<Invoice>,
{
    let (list, cursors) = (list(), cursors());
    let more = if DB::DIALECT == Dialect::Postgres { &SORTS_OF_POSTGRES[..] } else { &[] };
    let sorts = SORTS.iter().chain(more);
    let firsts: Vec<_> = sorts.map(|sort| format!("sort={sort}&limit={LIMIT}")).collect();
    let mut queries = firsts.clone();
    for position in POSITIONS {
        let sql = QueryBuilder::new(format!("{} {position}", BASE.0));
        let row = DB::fetch_optional(conn, sql, Statements::Unnamed).await.unwrap().unwrap();
        let row = <DB as Reads<Invoice>>::read(&row).unwrap();
        for first in &firsts {
            let cursor = list.request(first, &cursors, ()).unwrap().cursor(&row).unwrap();
            queries.extend(["after", "before"].map(|side| format!("{first}&{side}={cursor}")));
        }
    }
    queries
}
