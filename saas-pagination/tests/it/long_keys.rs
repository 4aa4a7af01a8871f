//! A row whose sort keys do not fit into a cursor is a row of the list like the others.

use std::pin::pin;

use futures_util::TryStreamExt;
use saas_pagination::{Error, List, Page};

use crate::conformance::{ROWS, cursors, numbers, row};
use crate::databases::{Db, on_both};
use crate::rows::{Row, create, insert};

on_both!(
    a_page_ends_where_a_cursor_fits_and_the_next_one_has_the_long_row,
    a_page_walked_backward_ends_likewise,
    a_long_row_at_an_end_of_the_list_only_lacks_its_cursor,
    only_a_page_of_long_rows_that_another_follows_is_an_error,
    a_stream_walks_past_any_row,
    a_connection_of_a_long_row_is_an_error,
);

/// Rows 1 to 6 by their texts; those named have one that does not fit.
async fn filled<DB: Db>(conn: &mut DB::Connection, long: &[i64]) {
    create::<DB>(conn, "listed_rows").await;
    let text =
        |n| format!("{n}{}", if long.contains(&n) { "x".repeat(2_000) } else { String::new() });
    let rows: Vec<_> = (1..=6).map(|n| Row { text: Some(text(n)), ..row(n) }).collect();
    insert::<DB>(conn, "listed_rows", &rows).await;
}

fn list() -> List<Row> {
    List::new("rows", "id", |row: &Row| row.id)
        .sort("text", "text", |row: &Row| row.text.clone().unwrap())
        .default_sort("text")
}

async fn page<DB: Db>(conn: &mut DB::Connection, query: &str) -> Result<Page<Row>, Error> {
    list().request(query, &cursors(), ()).unwrap().fetch(ROWS, conn).await
}

async fn a_page_ends_where_a_cursor_fits_and_the_next_one_has_the_long_row<DB: Db>(
    conn: &mut DB::Connection,
) {
    filled::<DB>(conn, &[3, 4]).await;
    let first = page::<DB>(conn, "limit=4").await.unwrap();
    assert_eq!(numbers(&first), [1, 2]);
    assert!(first.page_info.has_next && first.page_info.start_cursor.is_some());
    let end = first.page_info.end_cursor.unwrap();
    let next = page::<DB>(conn, &format!("limit=3&after={end}")).await.unwrap();
    assert_eq!(numbers(&next), [3, 4, 5]);
    assert!(next.page_info.has_prev && next.page_info.start_cursor.is_none());
    let links = next.links("limit=3").unwrap();
    assert!(
        links.contains("next") && links.contains("first") && !links.contains("prev"),
        "{links}"
    );
    let end = next.page_info.end_cursor.unwrap();
    let last = page::<DB>(conn, &format!("limit=3&after={end}")).await.unwrap();
    assert_eq!(numbers(&last), [6]);
}

async fn a_page_walked_backward_ends_likewise<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, &[3, 4]).await;
    let end = page::<DB>(conn, "").await.unwrap().page_info.end_cursor.unwrap();
    let previous = page::<DB>(conn, &format!("limit=3&before={end}")).await.unwrap();
    assert_eq!(numbers(&previous), [5]);
    assert!(previous.page_info.has_prev && previous.page_info.has_next);
    let start = previous.page_info.start_cursor.unwrap();
    let previous = page::<DB>(conn, &format!("limit=3&before={start}")).await.unwrap();
    assert_eq!(numbers(&previous), [2, 3, 4]);
    assert!(previous.page_info.start_cursor.is_some() && previous.page_info.end_cursor.is_none());
}

async fn a_long_row_at_an_end_of_the_list_only_lacks_its_cursor<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, &[1, 6]).await;
    let whole = page::<DB>(conn, "limit=6").await.unwrap();
    assert_eq!(numbers(&whole), [1, 2, 3, 4, 5, 6]);
    assert_eq!((whole.page_info.start_cursor, whole.page_info.end_cursor), (None, None));
    let first = page::<DB>(conn, "limit=3").await.unwrap();
    assert_eq!(numbers(&first), [1, 2, 3]);
    assert!(first.page_info.start_cursor.is_none() && first.page_info.end_cursor.is_some());
}

async fn only_a_page_of_long_rows_that_another_follows_is_an_error<DB: Db>(
    conn: &mut DB::Connection,
) {
    filled::<DB>(conn, &[3, 4]).await;
    let end = page::<DB>(conn, "limit=2").await.unwrap().page_info.end_cursor.unwrap();
    let error = page::<DB>(conn, &format!("limit=2&after={end}")).await.unwrap_err();
    assert!(matches!(error, Error::KeyTooLong), "{error:?}");
    let next = page::<DB>(conn, &format!("limit=3&after={end}")).await.unwrap();
    assert_eq!(numbers(&next), [3, 4, 5]);
}

async fn a_stream_walks_past_any_row<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, &[2, 3, 4, 6]).await;
    for (sort, limit, expected) in [
        ("text", 1, [1, 2, 3, 4, 5, 6]),
        ("text", 2, [1, 2, 3, 4, 5, 6]),
        ("-text", 1, [6, 5, 4, 3, 2, 1]),
    ] {
        let (list, cursors) = (list(), cursors());
        let request = list.request(&format!("sort={sort}&limit={limit}"), &cursors, ()).unwrap();
        let mut pages = pin!(request.stream(ROWS, &mut *conn));
        let mut walked = Vec::new();
        while let Some(page) = pages.try_next().await.unwrap() {
            walked.extend(numbers(&page));
        }
        assert_eq!(walked, expected, "{sort} {limit}");
    }
}

/// Every edge has a cursor, so such a row has no edge.
async fn a_connection_of_a_long_row_is_an_error<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, &[3]).await;
    let (list, cursors) = (list(), cursors());
    let request = list.connection("first=2", &cursors, ()).unwrap();
    assert_eq!(request.fetch(ROWS, &mut *conn).await.unwrap().edges.len(), 2);
    let request = list.connection("first=4", &cursors, ()).unwrap();
    let error = request.fetch(ROWS, &mut *conn).await.unwrap_err();
    assert!(matches!(error, Error::KeyTooLong), "{error:?}");
}
