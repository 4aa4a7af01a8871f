//! The law: whatever the table, the sort and the page size, walking gives exactly the rows of the
//! full `order by`, forward, backward and to and fro. `PAGINATION_CASES` sets how many tables.

use std::cell::RefCell;

use chrono::{DateTime, NaiveDate};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use saas_core::Kind;
use saas_core::schema::Dialect;
use saas_core::sql::{Raw, Reads, Statements};
use saas_pagination::{Cursors, Key, List, Nulls, Page};
use sqlx::{Postgres, QueryBuilder, Sqlite};
use uuid::Uuid;

use crate::databases::{Db, postgres, sqlite};
use crate::rows::{COLUMNS, Row, create, insert};

/// One key of a random sort.
#[derive(Debug, Clone, Copy)]
struct Spec {
    column: usize,
    descending: bool,
    nulls: Nulls,
    nullable: bool,
}

#[derive(Debug, Clone)]
struct Case {
    rows: Vec<Row>,
    keys: Vec<Spec>,
    reversed: bool,
    limit: usize,
    /// To and fro: true is onward.
    steps: Vec<bool>,
}

fn spec() -> impl Strategy<Value = Spec> {
    let nulls = select(vec![Nulls::First, Nulls::Last]);
    (0..COLUMNS.len(), any::<bool>(), nulls, any::<bool>()).prop_map(
        |(column, descending, nulls, nullable)| Spec { column, descending, nulls, nullable },
    )
}

/// Few values of each kind, so that there are ties, and those at which others stumble.
fn row() -> impl Strategy<Value = Row> {
    let float = vec![f64::NEG_INFINITY, -0.0, 0.0, 5e-324, 1.5, f64::INFINITY, f64::NAN];
    let text = vec!["", "a", "A", "a ", "ä", "b", "%", "'\"\\", "a\nb", "\u{1f600}", "null"];
    let micros = vec![0, 1, 2, 1_000, 1_001, 999_999, 1_000_000, -1];
    let base = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
    (
        any::<u128>().prop_map(Uuid::from_u128),
        prop::option::weighted(0.7, select(vec![i64::MIN, -1, 0, 1, i64::MAX])),
        prop::option::weighted(0.7, select(float)),
        prop::option::weighted(0.7, select(text).prop_map(str::to_owned)),
        prop::option::weighted(
            0.7,
            select(micros).prop_map(move |n| base + chrono::TimeDelta::microseconds(n)),
        ),
        prop::option::weighted(0.7, (0..4u128).prop_map(Uuid::from_u128)),
        prop::option::weighted(0.7, any::<bool>()),
        prop::option::weighted(
            0.7,
            (0..4u32).prop_map(|n| NaiveDate::from_yo_opt(2026, 31 + n).unwrap()),
        ),
        prop::option::weighted(0.7, select(vec![vec![], vec![0], vec![0, 0], vec![255], vec![1]])),
    )
        .prop_map(|(id, whole, float, text, moment, uuid, flag, day, bytes)| Row {
            id,
            whole,
            float,
            text,
            moment,
            uuid,
            flag,
            day,
            bytes,
        })
}

fn case() -> impl Strategy<Value = Case> {
    (
        prop::collection::vec(row(), 0..40),
        prop::collection::vec(spec(), 1..=4),
        any::<bool>(),
        1..=9usize,
        prop::collection::vec(any::<bool>(), 0..12),
    )
        .prop_map(|(rows, mut keys, reversed, limit, steps)| {
            let mut seen = [false; COLUMNS.len()];
            keys.retain(|key| !std::mem::replace(&mut seen[key.column], true));
            Case { rows, keys, reversed, limit, steps }
        })
}

/// Columns that a key takes for NOT NULL have no NULL, nor what SQLite makes one of.
fn without_nulls(case: &mut Case, dialect: Dialect) {
    for spec in case.keys.iter().filter(|spec| !spec.nullable) {
        for row in &mut case.rows {
            match COLUMNS[spec.column].1 {
                Kind::BigInt => drop(row.whole.get_or_insert(2)),
                Kind::Float => {
                    let float = row.float.get_or_insert(2.5);
                    if float.is_nan() && dialect == Dialect::Sqlite {
                        *float = 2.5;
                    }
                }
                Kind::Text => drop(row.text.get_or_insert_default()),
                Kind::Timestamp => drop(row.moment.get_or_insert_default()),
                Kind::Uuid => drop(row.uuid.get_or_insert_default()),
                Kind::Bool => drop(row.flag.get_or_insert_default()),
                Kind::Date => drop(row.day.get_or_insert_default()),
                _ => drop(row.bytes.get_or_insert_default()),
            }
        }
    }
}

macro_rules! key {
    ($spec:expr, $field:ident) => {
        if $spec.nullable {
            Key::new(stringify!($field), |row: &Row| row.$field.clone())
        } else {
            Key::new(stringify!($field), |row: &Row| row.$field.clone().unwrap())
        }
    };
}

fn list(keys: &[Spec]) -> List<Row> {
    let keys = keys.iter().map(|spec| {
        let key = match COLUMNS[spec.column].0 {
            "whole" => key!(spec, whole),
            "float" => key!(spec, float),
            "text" => key!(spec, text),
            "moment" => key!(spec, moment),
            "uuid" => key!(spec, uuid),
            "flag" => key!(spec, flag),
            "day" => key!(spec, day),
            _ => key!(spec, bytes),
        };
        let key = key.nulls(spec.nulls);
        if spec.descending { key.descending() } else { key }
    });
    List::new("walked", "id", |row: &Row| row.id).sort_by("keys", keys)
}

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
        let query = format!("{}{cursor}", self.query);
        // The condition at the top is an `or`: it must not swallow what is added.
        let base = Raw("select * from walked where 1 = 1 or 1 = 0");
        let request = self.list.request(&query, &self.cursors, ()).unwrap();
        let page = request.fetch(base, &mut *self.conn).await.unwrap();
        let ids: Vec<_> = page.items.iter().map(|row| row.id).collect();
        assert_eq!(ids, self.truth[from..to], "{query}");
        assert_eq!(page.page_info.has_prev, from > 0, "has_prev of {from}..{to}, {query}");
        assert_eq!(page.page_info.has_next, to < self.truth.len(), "has_next of {from}..{to}");
        page
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

async fn check<DB: Db>(conn: &mut DB::Connection, mut case: Case) {
    without_nulls(&mut case, DB::DIALECT);
    create::<DB>(conn, "walked").await;
    insert::<DB>(conn, "walked", &case.rows).await;
    let truth = sorted::<DB>(conn, &case).await;
    let name = if case.reversed { "-keys" } else { "keys" };
    let query = format!("sort={name}&limit={}", case.limit);
    let cursors = Cursors::new([7; 32]).unwrap();
    let (list, limit) = (list(&case.keys), case.limit);
    let mut client = Client::<DB> { conn, list, cursors, query, truth, limit };
    client.walk(&case.steps).await;
}

fn run<DB: Db>(runtime: &tokio::runtime::Runtime, conn: &mut DB::Connection) {
    let cases = std::env::var("PAGINATION_CASES").ok().map_or(300, |n| n.parse().unwrap());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
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
