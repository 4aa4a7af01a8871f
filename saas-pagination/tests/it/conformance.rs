//! What holds on both databases, each function run for both.

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use saas_core::sql::{Fragment, Raw, Statements};
use saas_pagination::Operator::{Eq, Gte, In, Is, Lt, Ne};
use saas_pagination::{Cursors, Error, List, Page, Plan, Request};
use sqlx::QueryBuilder;
use uuid::Uuid;

use crate::databases::{Db, on_both, run};
use crate::rows::{Row, create, insert};
use crate::statements::Counted;

on_both!(
    the_next_page_begins_right_though_the_cursors_row_is_gone,
    an_empty_page_knows_what_lies_behind_it,
    filters_compose_with_cursors,
    what_looks_like_sql_is_a_value,
    a_base_with_joins_and_aliases_is_fine,
    a_plan_run_by_another_executor_gives_the_same_page,
    moments_one_microsecond_or_nanosecond_apart_are_told_apart,
    a_page_is_one_statement,
    a_handler_can_await_a_page_on_any_thread,
    links_lead_through_the_whole_list,
);

pub(crate) fn at(row: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::microseconds(row)
}

pub(crate) fn row(number: i64) -> Row {
    Row {
        id: Uuid::from_u128(u128::try_from(number).unwrap()),
        whole: Some(number),
        float: None,
        text: Some(if number % 2 == 0 { "Even" } else { "Odd" }.into()),
        moment: Some(at(number)),
        uuid: Some(Uuid::from_u128(7)),
        flag: None,
        day: (number % 3 == 0).then(|| NaiveDate::from_yo_opt(2026, 1).unwrap()),
        bytes: None,
    }
}

pub(crate) fn list() -> List<Row> {
    List::new("rows", "id", |row: &Row| row.id)
        .sort("whole", "whole", |row: &Row| row.whole.unwrap())
        .sort("day", "day", |row: &Row| row.day)
        .sort("moment", "moment", |row: &Row| row.moment.unwrap())
        .default_sort("whole")
        .filter::<i64>("whole", "whole", [Gte, Lt, In])
        .filter::<String>("text", "text", [Eq, Ne])
        .filter::<NaiveDate>("day", "day", [Is])
        .filter::<Uuid>("uuid", "uuid", [Eq])
        .filter_expression("kind", "lower(text)", |kind: String| kind.to_lowercase(), [Eq])
}

pub(crate) fn cursors() -> Cursors {
    Cursors::new([7; 32]).unwrap()
}

pub(crate) const ROWS: Raw = Raw("select * from listed_rows");

pub(crate) async fn filled<DB: Db>(conn: &mut DB::Connection, count: i64) {
    create::<DB>(conn, "listed_rows").await;
    insert::<DB>(conn, "listed_rows", &(1..=count).map(row).collect::<Vec<_>>()).await;
}

async fn page<DB: Db>(conn: &mut DB::Connection, query: &str) -> Page<Row> {
    list().request(query, &cursors(), ()).unwrap().fetch(ROWS, conn).await.unwrap()
}

pub(crate) fn numbers(page: &Page<Row>) -> Vec<i64> {
    page.items.iter().map(|row| row.whole.unwrap()).collect()
}

async fn the_next_page_begins_right_though_the_cursors_row_is_gone<DB: Db>(
    conn: &mut DB::Connection,
) {
    filled::<DB>(conn, 6).await;
    let first = page::<DB>(conn, "limit=3").await;
    let end = first.page_info.end_cursor.unwrap();
    run::<DB>(conn, "delete from listed_rows where whole = 3").await;
    let next = page::<DB>(conn, &format!("limit=3&after={end}")).await;
    assert_eq!(numbers(&next), [4, 5, 6]);
    assert!(next.page_info.has_prev && !next.page_info.has_next);
    run::<DB>(conn, "delete from listed_rows where whole < 3").await;
    let next = page::<DB>(conn, &format!("limit=3&after={end}")).await;
    assert!(!next.page_info.has_prev);
}

async fn an_empty_page_knows_what_lies_behind_it<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 2).await;
    let whole = page::<DB>(conn, "").await.page_info;
    let (start, end) = (whole.start_cursor.unwrap(), whole.end_cursor.unwrap());
    let beyond = page::<DB>(conn, &format!("after={end}")).await;
    assert!(beyond.items.is_empty() && beyond.page_info.start_cursor.is_none());
    assert!(beyond.page_info.has_prev && !beyond.page_info.has_next);
    let ahead = page::<DB>(conn, &format!("before={start}")).await;
    assert!(ahead.items.is_empty() && !ahead.page_info.has_prev && ahead.page_info.has_next);
    run::<DB>(conn, "delete from listed_rows").await;
    let nothing = page::<DB>(conn, &format!("after={end}")).await.page_info;
    assert!(!nothing.has_prev && !nothing.has_next);
}

async fn filters_compose_with_cursors<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 20).await;
    let expectations: [(&str, &[i64]); 7] = [
        ("text=Even&whole[lt]=7", &[2, 4, 6]),
        ("text[ne]=Even&whole[gte]=17", &[17, 19]),
        ("whole[in]=3,1,99,3", &[1, 3]),
        ("day[is]=not_null&whole[lt]=10", &[3, 6, 9]),
        ("day[is]=null&whole[lt]=6", &[1, 2, 4, 5]),
        ("kind=eVEN&whole[lt]=5", &[2, 4]),
        ("uuid=00000000-0000-0000-0000-000000000008", &[]),
    ];
    for (filter, expected) in expectations {
        assert_eq!(numbers(&page::<DB>(conn, filter).await), expected, "{filter}");
    }
    let sorts = ["whole", "-whole", "day", "-day"];
    for (sort, filter) in sorts.iter().flat_map(|sort| [(sort, "text=Odd"), (sort, "kind=even")]) {
        let all = numbers(&page::<DB>(conn, &format!("sort={sort}&{filter}")).await);
        let mut walked = Vec::new();
        let mut cursor = String::new();
        loop {
            let query = format!("sort={sort}&{filter}&limit=3{cursor}");
            let page = page::<DB>(conn, &query).await;
            assert_eq!(page.page_info.has_prev, !walked.is_empty());
            walked.extend(numbers(&page));
            if !page.page_info.has_next {
                break;
            }
            cursor = format!("&after={}", page.page_info.end_cursor.unwrap());
        }
        assert_eq!((walked.len(), walked), (10, all), "{sort} {filter}");
    }
}

async fn what_looks_like_sql_is_a_value<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 2).await;
    for value in ["' or 1=1 --", "Even'; drop table listed_rows; --", "$1", "?", "%", "\\"] {
        let value: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
        assert!(page::<DB>(conn, &format!("text={value}")).await.items.is_empty());
    }
    assert_eq!(page::<DB>(conn, "").await.items.len(), 2);
}

async fn a_base_with_joins_and_aliases_is_fine<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 5).await;
    let base = Raw("select a.* from listed_rows a left join listed_rows base \
         on base.whole = a.whole + 1 where a.whole > 1 or base.whole is null");
    let ids = async |query: &str, conn: &mut DB::Connection| {
        let list = list();
        let page = list.request(query, &cursors(), ()).unwrap().fetch(base, conn).await.unwrap();
        (numbers(&page), page.page_info.end_cursor)
    };
    let (first, end) = ids("limit=2&sort=-whole", conn).await;
    let (second, _) = ids(&format!("limit=2&sort=-whole&after={}", end.unwrap()), conn).await;
    assert_eq!((first, second), (vec![5, 4], vec![3, 2]));
}

async fn a_plan_run_by_another_executor_gives_the_same_page<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 9).await;
    let start = page::<DB>(conn, "sort=-day&limit=2").await.page_info.end_cursor.unwrap();
    for query in ["sort=-day&limit=2".to_owned(), format!("sort=-day&limit=2&after={start}")] {
        let list = list();
        let plan: Plan<'_, Row, Raw> = list.request(&query, &cursors(), ()).unwrap().plan(ROWS);
        // Wrapped as an executor may wrap it: in a lateral join, or just in another select.
        let mut wrapped = QueryBuilder::<DB>::new("select q.* from (");
        Fragment::<DB>::push_to(&plan, &mut wrapped);
        wrapped.push(") q");
        let rows = DB::fetch_all(conn, wrapped, Statements::Unnamed).await.unwrap();
        assert_eq!(plan.page(rows).unwrap(), page::<DB>(conn, &query).await);
    }
}

async fn moments_one_microsecond_or_nanosecond_apart_are_told_apart<DB: Db>(
    conn: &mut DB::Connection,
) {
    create::<DB>(conn, "listed_rows").await;
    // Fractions of every length, as SQLite's text has them.
    let nanos =
        [0, 1, 999, 1_000, 1_001, 500_000, 1_000_000, 1_000_001, 999_999_999, 1_000_000_000];
    let rows = (1..).zip(nanos).map(|(number, nanos)| Row {
        moment: Some(at(0) + TimeDelta::nanoseconds(nanos)),
        ..row(number)
    });
    let rows: Vec<_> = rows.collect();
    insert::<DB>(conn, "listed_rows", &rows).await;
    for (sort, mut expected) in
        [("moment", (1..=10).collect::<Vec<_>>()), ("-moment", (1..=10).rev().collect())]
    {
        let mut cursor = String::new();
        let mut walked = Vec::new();
        for _ in 0..10 {
            let page = page::<DB>(conn, &format!("sort={sort}&limit=1{cursor}")).await;
            walked.extend(numbers(&page));
            cursor = format!("&after={}", page.page_info.end_cursor.unwrap());
        }
        if DB::DIALECT == saas_core::schema::Dialect::Postgres {
            // It keeps microseconds, so some are ties, which the id breaks in the same direction.
            walked.sort_unstable();
            expected.sort_unstable();
        }
        assert_eq!(walked, expected, "{sort}");
    }
}

async fn a_page_is_one_statement<DB: Db>(conn: &mut DB::Connection) {
    let counted = Counted::new::<DB>("pages");
    create::<DB>(conn, counted.table).await;
    let rows: Vec<_> = (1..=9).map(row).collect();
    insert::<DB>(conn, counted.table, &rows).await;
    let base = counted.rows();
    for sort in ["whole", "-whole", "day", "-day"] {
        let (list, cursors) = (list(), cursors());
        let query = format!("sort={sort}&limit=3");
        let request =
            |query: &str| -> Request<'_, Row> { list.request(query, &cursors, ()).unwrap() };
        counted.take();
        let first = request(&query).fetch(base, &mut *conn).await.unwrap();
        assert_eq!(counted.take(), 1, "{sort}");
        let end = first.page_info.end_cursor.unwrap();
        for cursor in [format!("&after={end}"), format!("&before={end}")] {
            request(&format!("{query}{cursor}")).fetch(base, &mut *conn).await.unwrap();
            assert_eq!(counted.take(), 1, "{sort}{cursor}");
        }
    }
}

async fn links_lead_through_the_whole_list<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 10).await;
    let follow = |links: &str, relation: &str| {
        let link =
            links.split(", ").find(|link| link.ends_with(&format!("; rel=\"{relation}\"")))?;
        Some(link.split_once("<?")?.1.split_once('>')?.0.to_owned())
    };
    let mut query = "text=Odd&limit=2&sort=-day".to_owned();
    let mut walked = Vec::new();
    let last = loop {
        let page = page::<DB>(conn, &query).await;
        walked.extend(numbers(&page));
        let links = page.links(&query).unwrap();
        match follow(&links, "next") {
            Some(next) => query = next,
            None => break links,
        }
    };
    assert_eq!(walked, numbers(&page::<DB>(conn, "text=Odd&sort=-day").await));
    let before = page::<DB>(conn, &follow(&last, "prev").unwrap()).await;
    assert_eq!(numbers(&before), walked[2..4]);
    assert_eq!(follow(&last, "first").unwrap(), "text=Odd&limit=2&sort=-day");
}

static LIST: LazyLock<List<Row>> = LazyLock::new(list);

async fn a_handler_can_await_a_page_on_any_thread<DB: Db>(conn: &mut DB::Connection) {
    fn is_send<F: Future + Send>(future: F) -> F {
        future
    }
    filled::<DB>(conn, 3).await;
    let handler = async |query: &str, cursors: &Cursors, conn: &mut DB::Connection| {
        LIST.request(query, cursors, ())?.fetch(ROWS, conn).await
    };
    let page: Result<Page<Row>, Error> = handler("limit=2", &cursors(), conn).await;
    assert!(page.unwrap().page_info.has_next);
    let request = LIST.request("limit=2", &cursors(), ()).unwrap();
    assert_eq!(is_send(request.fetch(ROWS, conn)).await.unwrap().items.len(), 2);
}
