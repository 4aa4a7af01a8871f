//! The law: whatever the table, the sort and the page size, walking gives exactly the rows of the
//! full `order by`, forward, backward and to and fro; and while others insert and delete, every row
//! that they leave alone comes once. `PAGINATION_CASES` sets how many tables.

use std::cell::RefCell;

use proptest::test_runner::{Config, TestRunner};
use saas_core::sql::{Binds, Raw, Reads, Statements};
use saas_pagination::{Cursors, List, Nulls, Page};
use sqlx::{Postgres, QueryBuilder, Sqlite};
use uuid::Uuid;

use crate::cases::{Case, Change, case, list};
use crate::databases::{Db, postgres, sqlite};
use crate::rows::{COLUMNS, Row, create, empty, insert};

/// The truth, by the database's own sort.
async fn sorted<DB: Db>(conn: &mut DB::Connection, case: &Case) -> Vec<Uuid> {
    let mut query = QueryBuilder::new("select * from walked order by ");
    let mut descending = false;
    for spec in &case.keys {
        descending = spec.descending != case.reversed;
        query.push(COLUMNS[spec.column].0).push(if descending { " desc" } else { " asc" });
        query.push(if spec.nulls == Nulls::First { " nulls first, " } else { " nulls last, " });
    }
    query.push("id").push(if descending { " desc" } else { "" });
    let rows = DB::fetch_all(conn, query, Statements::Unnamed).await.unwrap();
    rows.iter().map(|row| <DB as Reads<Row>>::read(row).unwrap().id).collect()
}

/// A client: where it stands in the list, and the page it holds.
struct Client<'c, DB: Db> {
    conn: &'c mut DB::Connection,
    list: List<Row>,
    cursors: Cursors,
    query: String,
    truth: Vec<Uuid>,
    limit: usize,
}

impl<DB: Db> Client<'_, DB> {
    /// Fetches, and compares with rows `from..to` of the truth.
    async fn page(&mut self, cursor: &str, from: usize, to: usize) -> Page<Row> {
        let page = self.fetch(cursor).await;
        assert_eq!(ids(&page), self.truth[from..to], "{}{cursor}", self.query);
        assert_eq!(page.page_info.has_prev, from > 0, "has_prev of {from}..{to}, {cursor}");
        assert_eq!(page.page_info.has_next, to < self.truth.len(), "has_next of {from}..{to}");
        page
    }

    async fn fetch(&mut self, cursor: &str) -> Page<Row> {
        let query = format!("{}{cursor}", self.query);
        // The condition at the top is an `or`: it must not swallow what is added.
        let base = Raw("select * from walked where 1 = 1 or 1 = 0");
        let request = self.list.request(&query, &self.cursors, ()).unwrap();
        request.fetch(base, &mut *self.conn).await.unwrap()
    }

    async fn walk(&mut self, steps: &[bool]) {
        let count = self.truth.len();
        let (mut from, mut to) = (0, self.limit.min(count));
        let first = self.page("", from, to).await;
        let mut page = first.clone();
        while let Some(end) = page.page_info.end_cursor.clone() {
            (from, to) = (to, (to + self.limit).min(count));
            let next = self.page(&format!("&after={end}"), from, to).await;
            if next.items.is_empty() {
                break;
            }
            page = next;
        }
        // From the last page back to before the first.
        to = count - page.items.len();
        while let Some(start) = page.page_info.start_cursor.clone() {
            from = to.saturating_sub(self.limit);
            page = self.page(&format!("&before={start}"), from, to).await;
            to = from;
        }
        let (mut page, mut from) = (first, 0);
        for onward in steps {
            to = from + page.items.len();
            let Some((start, end)) = page.page_info.start_cursor.zip(page.page_info.end_cursor)
            else {
                break;
            };
            page = if *onward {
                from = to;
                self.page(&format!("&after={end}"), from, (from + self.limit).min(count)).await
            } else {
                let before = from;
                from = from.saturating_sub(self.limit);
                self.page(&format!("&before={start}"), from, before).await
            };
        }
    }
}

fn ids(page: &Page<Row>) -> Vec<Uuid> {
    page.items.iter().map(|row| row.id).collect()
}

/// A walk one way while others change the table.
struct Stroll<'w> {
    changes: std::slice::Iter<'w, Vec<Change>>,
    rows: &'w [Row],
    /// The rows that nobody touched so far, in the order of the list.
    untouched: Vec<Uuid>,
}

impl Stroll<'_> {
    /// From this cursor to the end of the list, or to its beginning. What nobody touches comes once
    /// and in order, what others insert or delete at most once. Returns the last row's cursor.
    async fn walk<DB: Db>(
        &mut self,
        client: &mut Client<'_, DB>,
        parameter: &str,
        from: Option<(Uuid, String)>,
    ) -> Option<(Uuid, String)> {
        let backward = parameter == "before";
        let (mut seen, mut at) = (Vec::new(), from.clone());
        loop {
            let cursor =
                at.as_ref().map_or(String::new(), |(_, cursor)| format!("&{parameter}={cursor}"));
            let page = client.fetch(&cursor).await;
            let (mut found, info) = (ids(&page), page.page_info);
            let (next, more) = if backward {
                found.reverse();
                (info.start_cursor, info.has_prev)
            } else {
                (info.end_cursor, info.has_next)
            };
            at = found.last().copied().zip(next).or(at);
            seen.extend(found);
            if !more {
                break;
            }
            for change in self.changes.next().into_iter().flatten() {
                self.make::<DB>(client.conn, change).await;
            }
        }
        let count = seen.len();
        let expected = |id: &&Uuid| from.as_ref().is_none_or(|(begun, _)| begun != *id);
        let mut expected: Vec<_> = self.untouched.iter().filter(expected).copied().collect();
        if backward {
            expected.reverse();
        }
        let in_order: Vec<_> = seen.iter().filter(|id| expected.contains(id)).copied().collect();
        assert_eq!(in_order, expected, "{parameter}");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count, "a row came twice, {parameter}");
        at
    }

    async fn make<DB: Db>(&mut self, conn: &mut DB::Connection, change: &Change) {
        match change {
            Change::Insert(row) => {
                insert::<DB>(conn, "walked", std::slice::from_ref(row)).await;
            }
            Change::Delete(_) if self.rows.is_empty() => {}
            Change::Delete(which) => {
                let id = which.get(self.rows).id;
                let mut delete = QueryBuilder::new("delete from walked where id = ");
                <DB as Binds<Uuid>>::push_bind(&mut delete, &id);
                DB::execute(conn, delete, Statements::Unnamed).await.unwrap();
                self.untouched.retain(|other| *other != id);
            }
        }
    }
}

async fn check<DB: Db>(conn: &mut DB::Connection, case: Case) {
    let case = case.fitted(DB::DIALECT);
    empty::<DB>(conn, "walked").await;
    insert::<DB>(conn, "walked", &case.rows).await;
    let truth = sorted::<DB>(conn, &case).await;
    let name = if case.reversed { "-keys" } else { "keys" };
    let query = format!("sort={name}&limit={}", case.limit);
    let cursors = Cursors::new([7; 32]).unwrap();
    let (list, limit) = (list(&case.keys), case.limit);
    let mut client = Client::<DB> { conn, list, cursors, query, truth, limit };
    client.walk(&case.steps).await;
    let untouched = client.truth.clone();
    let mut stroll = Stroll { changes: case.changes.iter(), rows: &case.rows, untouched };
    let last = stroll.walk(&mut client, "after", None).await;
    stroll.walk(&mut client, "before", last).await;
}

fn run<DB: Db>(runtime: &tokio::runtime::Runtime, conn: &mut DB::Connection) {
    let cases = std::env::var("PAGINATION_CASES").ok().map_or(2_000, |n| n.parse().unwrap());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    runtime.block_on(create::<DB>(conn, "walked"));
    let conn = RefCell::new(conn);
    let result = TestRunner::new(config).run(&case(), |case| {
        runtime.block_on(check::<DB>(&mut conn.borrow_mut(), case));
        Ok(())
    });
    result.unwrap();
}

#[test]
fn slow_every_walk_on_sqlite_gives_the_full_order() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut conn = runtime.block_on(sqlite());
    run::<Sqlite>(&runtime, &mut conn);
}

#[test]
fn slow_every_walk_on_postgres_gives_the_full_order() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut conn = runtime.block_on(postgres());
    run::<Postgres>(&runtime, &mut conn);
}
