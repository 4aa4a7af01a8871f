//! What PostgreSQL has beside `text`: each compared by the rule that it is sorted by.

use saas_core::Kind;
use saas_core::sql::{Backend, Fragment, Raw, Reads, Statements};
use saas_pagination::Operator::{Eq, Gt, In, Ne};
use saas_pagination::{Key, List, Nulls, Scalar, Value};
use sqlx::{Connection, PgConnection, Postgres, QueryBuilder};

use crate::conformance::{ROWS, cursors, numbers, row};
use crate::databases::run;
use crate::rows::{Row, create_with, insert};
use crate::walker::walk;

const TYPES: [&str; 5] = ["text", "varchar(8)", "char(8)", "name", "public.citext"];

async fn connect() -> PgConnection {
    let database = saas_testkit::postgres("t_pagination").await;
    database.set_up("create extension if not exists citext with schema public").await;
    PgConnection::connect_with(&database.app_options).await.unwrap()
}

/// Ties, differences in case alone, and NULLs.
async fn filled(declared: &str) -> PgConnection {
    let mut conn = connect().await;
    create_with::<Postgres>(&mut conn, "listed_rows", "text", declared).await;
    let texts = ["cd", "AB", "ab", "b", "Ab", "ab", "CD", "zoo"];
    let rows = (1..).zip(texts).map(|(n, text)| Row { text: Some(text.into()), ..row(n) });
    let nulls = (9..=10).map(|n| Row { text: None, ..row(n) });
    let rows: Vec<_> = rows.chain(nulls).collect();
    insert::<Postgres>(&mut conn, "listed_rows", &rows).await;
    conn
}

async fn ordered(conn: &mut PgConnection, rest: &str) -> Vec<i64> {
    let sql = QueryBuilder::new(format!("select whole from listed_rows {rest}"));
    let rows = Postgres::fetch_all(conn, sql, Statements::Unnamed).await.unwrap();
    rows.iter().map(|row| <Postgres as Reads<(i64,)>>::read(row).unwrap().0).collect()
}

fn list() -> List<Row> {
    let text = || Key::new("text", |row: &Row| row.text.clone());
    let whole = || Key::new("whole", |row: &Row| row.whole.unwrap());
    List::new("rows", "id", |row: &Row| row.id)
        .sort_by("text", [text()])
        .sort_by("first", [text().nulls(Nulls::First), whole().descending()])
        .sort_by("required", [Key::new("text", |row: &Row| row.text.clone().unwrap())])
        .filter::<String>("text", "text", [Eq, Ne, Gt, In])
        .filter_expression("same", "text", |text: String| text, [Eq])
}

#[tokio::test]
async fn every_type_of_text_is_walked_in_the_order_that_the_database_has_it_in() {
    for declared in TYPES {
        let conn = &mut filled(declared).await;
        for (sort, order) in [
            ("text", "order by text nulls last, id"),
            ("-text", "order by text desc nulls last, id desc"),
            ("first", "order by text nulls first, whole desc, id desc"),
            ("-first", "order by text desc nulls first, whole, id"),
        ] {
            let expected = ordered(conn, order).await;
            for limit in [1, 2, 3, 7] {
                let query = format!("sort={sort}&limit={limit}");
                let walked = walk::<Postgres>(conn, &list(), ROWS, &query).await;
                assert_eq!(walked, expected, "{declared} {query}");
            }
        }
        run::<Postgres>(conn, "delete from listed_rows where text is null").await;
        let expected = ordered(conn, "order by text, id").await;
        let walked = walk::<Postgres>(conn, &list(), ROWS, "sort=required&limit=2").await;
        assert_eq!(walked, expected, "{declared}");
    }
}

#[tokio::test]
async fn every_type_of_text_is_filtered_as_by_a_literal() {
    for declared in TYPES {
        let conn = &mut filled(declared).await;
        for (filter, condition) in [
            ("text=ab", "text = 'ab'"),
            ("text=ab%20%20", "text = 'ab  '"),
            ("text[ne]=ab", "text <> 'ab'"),
            ("text[gt]=b", "text > 'b'"),
            ("text[in]=ab,CD,x", "text in ('ab', 'CD', 'x')"),
            ("same=ab", "text = 'ab'"),
            ("same=ab&text[in]=ab,cd", "text = 'ab' and text in ('ab', 'cd')"),
        ] {
            let expected = ordered(conn, &format!("where {condition} order by text, id")).await;
            let query = format!("{filter}&sort=required&limit=2");
            let walked = walk::<Postgres>(conn, &list(), ROWS, &query).await;
            assert_eq!(walked, expected, "{declared} {query}");
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, sqlx::Type)]
#[sqlx(type_name = "listed_state", rename_all = "lowercase")]
enum State {
    Open,
    Draft,
}

impl Scalar for State {
    const KIND: Kind = Kind::Text;
    const EXPECTED: &'static str = "`open` or `draft`";

    fn into_value(self) -> Value {
        Value::Text(if self == Self::Open { "open" } else { "draft" }.into())
    }
    fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Draft]
            .into_iter()
            .find(|state| state.into_value() == Value::Text(text.into()))
    }
}

#[derive(Debug, sqlx::FromRow)]
struct Task {
    id: i64,
    state: State,
}

const TASKS: Raw = Raw("select id, state from listed_tasks");

/// Labels are sorted as they were declared, not as letters are.
async fn tasks() -> (PgConnection, List<Task>) {
    let mut conn = connect().await;
    for sql in [
        "create type pg_temp.listed_state as enum ('open', 'draft')",
        "create temporary table listed_tasks (id bigint primary key, state listed_state not null)",
        "insert into listed_tasks select n, case when n % 2 = 0 then 'open' else 'draft' end::listed_state \
         from generate_series(1, 6) n",
    ] {
        run::<Postgres>(&mut conn, sql).await;
    }
    let list = List::new("tasks", "id", |task: &Task| task.id)
        .sort("state", "state", |task: &Task| task.state)
        .filter::<State>("state", "state", [Eq, In, Gt]);
    (conn, list)
}

#[tokio::test]
async fn an_enum_of_postgres_is_a_key_and_a_filter() {
    let (conn, list) = &mut tasks().await;
    for (query, expected) in [
        ("sort=state&limit=2", &[2, 4, 6, 1, 3, 5][..]),
        ("sort=-state&limit=2", &[5, 3, 1, 6, 4, 2]),
        ("state=open&limit=2", &[2, 4, 6]),
        ("state[gt]=open&limit=1", &[1, 3, 5]),
        ("state[in]=open,draft&sort=state&limit=5", &[2, 4, 6, 1, 3, 5]),
    ] {
        let (mut walked, mut cursor) = (Vec::new(), String::new());
        loop {
            let query = format!("{query}{cursor}");
            let request = list.request(&query, &cursors(), ()).unwrap();
            let page = request.fetch(TASKS, &mut *conn).await.unwrap();
            walked.extend(page.items.iter().map(|task| task.id));
            let Some(end) = page.page_info.end_cursor.filter(|_| page.page_info.has_next) else {
                break;
            };
            cursor = format!("&after={end}");
        }
        assert_eq!(walked, expected, "{query}");
    }
}

/// As saas-tenancy's reads do.
#[tokio::test]
async fn a_plan_inside_another_select_has_its_texts_compared_likewise() {
    let conn = &mut filled("public.citext").await;
    let list = list();
    let first = list.request("sort=text&limit=3&text[in]=ab,CD", &cursors(), ()).unwrap();
    let page = first.fetch(ROWS, &mut *conn).await.unwrap();
    let end = page.page_info.end_cursor.unwrap();
    let query = format!("sort=text&limit=3&text[in]=ab,CD&after={end}");
    let plan = list.request(&query, &cursors(), ()).unwrap().plan(ROWS);
    for statements in [Statements::Named, Statements::Unnamed] {
        let mut query = QueryBuilder::new("select q.* from (select ");
        query
            .push_bind(7_i64)
            .push("::bigint as tenant) as s cross join lateral (select rows.* from (");
        Fragment::<Postgres>::push_to(&plan, &mut query);
        query.push(") as rows where s.tenant is not null offset 0) as q");
        let rows = Postgres::fetch_all(conn, query, statements).await.unwrap();
        assert_eq!(numbers(&plan.page(rows).unwrap()), [6, 1, 7]);
    }
}
