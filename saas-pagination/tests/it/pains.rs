//! What users of other libraries suffer, one test for each.

use chrono::{NaiveDate, TimeDelta, Utc};
use saas_core::sql::Raw;
use saas_pagination::{Error, ErrorKind, Key, List, Problem};

use crate::conformance::{self, ROWS, at, cursors, filled, numbers, row};
use crate::databases::{Db, on_both};
use crate::rows::{Row, create, insert};
use crate::statements::Counted;
use crate::walker::walk;

on_both!(
    nulls_neither_end_a_list_nor_hide_behind_a_page_size,
    rows_within_one_millisecond_are_told_apart_though_the_client_reads_milliseconds,
    a_sort_of_ties_alone_needs_no_tiebreaker_from_its_author,
    a_cursor_under_another_sort_or_filter_is_refused,
    a_page_found_backward_is_in_the_lists_order,
    a_malformed_cursor_is_a_400_and_reaches_no_database,
    the_boundary_row_is_on_one_page_only,
    a_key_that_the_select_lacks_is_an_error_on_the_first_page,
    a_wrong_filter_is_a_400_that_names_it_and_reaches_no_database,
);

fn day(number: u32) -> Option<NaiveDate> {
    NaiveDate::from_yo_opt(2026, number)
}

async fn nulls_neither_end_a_list_nor_hide_behind_a_page_size<DB: Db>(conn: &mut DB::Connection) {
    create::<DB>(conn, "listed_rows").await;
    let days = [None, day(2), None, day(1), None, day(2), None];
    let rows: Vec<_> = (1..).zip(days).map(|(n, day)| Row { day, ..row(n) }).collect();
    insert::<DB>(conn, "listed_rows", &rows).await;
    let list = conformance::list();
    for limit in 1..=8 {
        let query = format!("sort=day&limit={limit}");
        assert_eq!(walk::<DB>(conn, &list, ROWS, &query).await, [4, 2, 6, 1, 3, 5, 7]);
        let query = format!("sort=-day&limit={limit}");
        assert_eq!(walk::<DB>(conn, &list, ROWS, &query).await, [6, 2, 4, 7, 5, 3, 1]);
    }
}

async fn rows_within_one_millisecond_are_told_apart_though_the_client_reads_milliseconds<DB: Db>(
    conn: &mut DB::Connection,
) {
    create::<DB>(conn, "listed_rows").await;
    // The ids run against the moments, so that a moment cut short would show.
    let moment = |n| Some(at(0) + TimeDelta::microseconds(100 * (9 - n)));
    let rows: Vec<_> = (1..=9).map(|n| Row { moment: moment(n), ..row(n) }).collect();
    insert::<DB>(conn, "listed_rows", &rows).await;
    let list = conformance::list();
    for limit in [1, 2, 4] {
        let query = format!("sort=moment&limit={limit}");
        let expected = [9, 8, 7, 6, 5, 4, 3, 2, 1];
        assert_eq!(walk::<DB>(conn, &list, ROWS, &query).await, expected);
    }
}

async fn a_sort_of_ties_alone_needs_no_tiebreaker_from_its_author<DB: Db>(
    conn: &mut DB::Connection,
) {
    filled::<DB>(conn, 20).await;
    let list = List::new("rows", "id", |row: &Row| row.id)
        .sort("uuid", "uuid", |row: &Row| row.uuid.unwrap());
    let expected: Vec<_> = (1..=20).collect();
    assert_eq!(walk::<DB>(conn, &list, ROWS, "sort=uuid&limit=3").await, expected);
}

async fn a_cursor_under_another_sort_or_filter_is_refused<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 6).await;
    let list = conformance::list();
    let query = "sort=day&text=Odd&limit=1";
    let page = list.request(query, &cursors(), ()).unwrap().fetch(ROWS, conn).await.unwrap();
    let cursor = page.page_info.end_cursor.unwrap();
    assert!(list.request(&format!("{query}&after={cursor}"), &cursors(), ()).is_ok());
    for other in ["sort=-day&text=Odd", "sort=moment&text=Odd", "sort=day", "sort=day&text=Even"] {
        for parameter in ["after", "before"] {
            let query = format!("{other}&{parameter}={cursor}");
            let error = list.request(&query, &cursors(), ()).unwrap_err();
            assert_eq!(error.field(), Some(parameter), "{query}");
        }
    }
}

async fn a_page_found_backward_is_in_the_lists_order<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 9).await;
    let list = conformance::list();
    for (sort, from, expected) in [("whole", 7, [4, 5, 6]), ("-whole", 3, [6, 5, 4])] {
        let query = format!("sort={sort}&limit=3");
        let cursor = list.request(&query, &cursors(), ()).unwrap().cursor(&row(from)).unwrap();
        let before = format!("{query}&before={cursor}");
        let request = list.request(&before, &cursors(), ()).unwrap();
        assert_eq!(numbers(&request.fetch(ROWS, &mut *conn).await.unwrap()), expected);
    }
}

/// What a handler does with a query string; how many statements it took, and what came of it.
async fn handled<DB: Db>(
    conn: &mut DB::Connection,
    counted: &Counted,
    query: &str,
) -> (usize, Result<usize, Error>) {
    let list = conformance::list();
    counted.take();
    let page = async {
        Ok(list.request(query, &cursors(), ())?.fetch(counted.rows(), conn).await?.items.len())
    };
    let outcome = page.await;
    (counted.take(), outcome)
}

async fn counted<DB: Db>(conn: &mut DB::Connection, name: &str) -> Counted {
    let counted = Counted::new::<DB>(name);
    create::<DB>(conn, counted.table).await;
    insert::<DB>(conn, counted.table, &[row(1), row(2)]).await;
    let (statements, outcome) = handled::<DB>(conn, &counted, "").await;
    assert_eq!((statements, outcome.unwrap()), (1, 2));
    counted
}

async fn a_malformed_cursor_is_a_400_and_reaches_no_database<DB: Db>(conn: &mut DB::Connection) {
    let counted = counted::<DB>(conn, "cursors").await;
    let good = conformance::list().request("", &cursors(), ()).unwrap().cursor(&row(1)).unwrap();
    let stranger = saas_pagination::Cursors::new([8; 32]).unwrap();
    let forged = conformance::list().request("", &stranger, ()).unwrap().cursor(&row(1)).unwrap();
    let (cut, padded, long) = (&good[1..], format!("{good}="), "A".repeat(1 << 20));
    let sql = "'%20or%201=1%20--";
    for cursor in ["", "x", "null", "%00", "%FF", sql, cut, &padded, &long, &forged] {
        let (statements, outcome) = handled::<DB>(conn, &counted, &format!("after={cursor}")).await;
        assert_eq!(statements, 0, "{cursor:.80}");
        let problem = Problem::from(outcome.unwrap_err());
        assert_eq!(
            problem.to_json(),
            r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"the query string is invalid","errors":[{"field":"after","detail":"not a valid cursor of this list; start again from the first page"}]}"#,
        );
    }
}

async fn the_boundary_row_is_on_one_page_only<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 10).await;
    let list = conformance::list();
    for sort in ["whole", "-whole", "day", "-day", "moment", "-moment"] {
        for limit in 1..=4 {
            let query = format!("sort={sort}&limit={limit}");
            let mut walked = walk::<DB>(conn, &list, ROWS, &query).await;
            walked.sort_unstable();
            assert_eq!(walked, (1..=10).collect::<Vec<_>>(), "{query}");
        }
    }
}

#[derive(Debug, sqlx::FromRow)]
struct Narrow {
    id: uuid::Uuid,
}

/// Not on the second page, when the cursor is already in somebody's hands.
async fn a_key_that_the_select_lacks_is_an_error_on_the_first_page<DB>(conn: &mut DB::Connection)
where
    DB: Db + saas_core::sql::Reads<Narrow>,
{
    filled::<DB>(conn, 3).await;
    let nullable = Key::new("moment", |_: &Narrow| Some(Utc::now()));
    let list = List::new("narrow", "id", |row: &Narrow| row.id).sort_by("moment", [nullable]).sort(
        "whole",
        "whole",
        |_| 1i64,
    );
    for (sort, column) in [("moment", "moment"), ("-moment", "moment"), ("whole", "whole")] {
        let query = format!("sort={sort}");
        let request = list.request(&query, &cursors(), ()).unwrap();
        let base = Raw("select id from listed_rows");
        let error = request.fetch(base, &mut *conn).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{error:?}");
        assert!(error.to_string().contains(column), "{error}");
    }
}

async fn a_wrong_filter_is_a_400_that_names_it_and_reaches_no_database<DB: Db>(
    conn: &mut DB::Connection,
) {
    let counted = counted::<DB>(conn, "filters").await;
    let many = format!("whole[in]={}", vec!["1"; 51].join(","));
    let long = format!("text={}", "a".repeat(1_001));
    for (query, field) in [
        ("colour=red", "colour"),
        ("whole[between]=1", "whole[between]"),
        ("whole[gte]=one", "whole[gte]"),
        ("whole[gte]=1.5", "whole[gte]"),
        ("whole[gte]=9223372036854775808", "whole[gte]"),
        ("whole[in]=1,,2", "whole[in]"),
        ("whole[in]=1)%20or%20(1=1", "whole[in]"),
        ("whole[gte]=1;drop%20table%20x", "whole[gte]"),
        ("uuid='%20or%201=1", "uuid"),
        ("day[is]=null%20or%201=1", "day[is]"),
        ("text%20or%201%3D1%20--=x", "text or 1=1 --"),
        ("text=a%00b", "text"),
        ("text=%ff", "text"),
        ("text=a&text=b", "text"),
        ("sort=whole;--", "sort"),
        ("limit=1%20offset%205", "limit"),
        (&many, "whole[in]"),
        (&long, "text"),
    ] {
        let (statements, outcome) = handled::<DB>(conn, &counted, query).await;
        assert_eq!(statements, 0, "{query:.80}");
        let error = outcome.unwrap_err();
        assert_eq!(error.field(), Some(field), "{query:.80}");
        assert_eq!(Problem::from(error).status(), 400);
    }
    // What only looks like SQL is a text like others, and the table is still there.
    let (statements, outcome) = handled::<DB>(conn, &counted, "text='%20or%201=1%20--").await;
    assert_eq!((statements, outcome.unwrap()), (1, 0));
    assert_eq!(handled::<DB>(conn, &counted, "text=Odd").await.1.unwrap(), 1);
}
