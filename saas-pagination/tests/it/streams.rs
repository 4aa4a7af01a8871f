//! Whole lists, page by page.

use std::pin::pin;

use futures_util::TryStreamExt;
use saas_core::sql::Raw;
use saas_pagination::{Key, List, Page};

use crate::conformance::{ROWS, cursors, filled, list, numbers, row};
use crate::databases::{Db, on_both, run};
use crate::rows::{Row, create, insert};
use crate::statements::Counted;

on_both!(
    a_stream_gives_the_pages_that_requests_would,
    a_stream_is_taken_up_again_at_any_page_in_either_direction,
    a_dropped_stream_leaves_the_connection_as_it_was,
    a_streams_page_is_one_statement,
    a_list_without_rows_is_one_page_without_rows,
    an_error_is_the_last_item,
);

fn mixed() -> List<Row> {
    let day = Key::new("day", |row: &Row| row.day).descending();
    list().sort_by("mixed", [day, Key::new("whole", |row: &Row| row.whole.unwrap())])
}

async fn stream<DB: Db>(conn: &mut DB::Connection, query: &str) -> Vec<Page<Row>> {
    fn is_send<T: Send>(stream: T) -> T {
        stream
    }
    let list = mixed();
    let request = list.request(query, &cursors(), ()).unwrap();
    is_send(request.stream(ROWS, conn)).try_collect().await.unwrap()
}

async fn page<DB: Db>(conn: &mut DB::Connection, query: &str) -> Page<Row> {
    mixed().request(query, &cursors(), ()).unwrap().fetch(ROWS, conn).await.unwrap()
}

async fn a_stream_gives_the_pages_that_requests_would<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 10).await;
    for sort in ["whole", "-whole", "day", "-day", "mixed", "-mixed"] {
        for limit in [1, 3, 5, 10, 11] {
            let query = format!("sort={sort}&limit={limit}");
            let pages = stream::<DB>(conn, &query).await;
            assert_eq!(pages.len(), 10_usize.div_ceil(limit), "{query}");
            let mut cursor = String::new();
            for streamed in pages {
                assert_eq!(streamed, page::<DB>(conn, &format!("{query}{cursor}")).await);
                cursor = format!("&after={}", streamed.page_info.end_cursor.unwrap());
            }
        }
    }
}

async fn a_stream_is_taken_up_again_at_any_page_in_either_direction<DB: Db>(
    conn: &mut DB::Connection,
) {
    filled::<DB>(conn, 10).await;
    for sort in ["-whole", "day", "mixed"] {
        let query = format!("sort={sort}&limit=3&whole[gte]=2");
        let pages = stream::<DB>(conn, &query).await;
        for number in 0..pages.len() {
            let info = &pages[number].page_info;
            let after = format!("{query}&after={}", info.end_cursor.as_ref().unwrap());
            let rest: Vec<_> = stream::<DB>(conn, &after).await.iter().flat_map(numbers).collect();
            let expected: Vec<_> = pages[number + 1..].iter().flat_map(numbers).collect();
            assert_eq!(rest, expected, "{sort}, after page {number}");
            let before = format!("{query}&before={}", info.start_cursor.as_ref().unwrap());
            let back = stream::<DB>(conn, &before).await;
            assert!(back.iter().all(|page| page.page_info.has_next));
            assert!(back.iter().rev().skip(1).all(|page| page.page_info.has_prev));
            // The nearest page comes first, its rows in the list's order.
            let back: Vec<_> = back.iter().rev().flat_map(numbers).collect();
            let expected: Vec<_> = pages[..number].iter().flat_map(numbers).collect();
            assert_eq!(back, expected, "{sort}, before page {number}");
        }
    }
}

async fn a_dropped_stream_leaves_the_connection_as_it_was<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 9).await;
    let (list, cursors) = (list(), cursors());
    let mut cursor = String::new();
    let mut walked = Vec::new();
    for _ in 0..3 {
        let query = format!("limit=3{cursor}");
        let mut pages = pin!(list.request(&query, &cursors, ()).unwrap().stream(ROWS, &mut *conn));
        let page = pages.try_next().await.unwrap().unwrap();
        walked.extend(numbers(&page));
        cursor = format!("&after={}", page.page_info.end_cursor.unwrap());
    }
    assert_eq!(walked, (1..=9).collect::<Vec<_>>());
}

async fn a_streams_page_is_one_statement<DB: Db>(conn: &mut DB::Connection) {
    let counted = Counted::new::<DB>("streams");
    create::<DB>(conn, counted.table).await;
    let rows: Vec<_> = (1..=9).map(row).collect();
    insert::<DB>(conn, counted.table, &rows).await;
    let (list, cursors) = (mixed(), cursors());
    let request = list.request("sort=mixed&limit=2", &cursors, ()).unwrap();
    let mut pages = pin!(request.stream(counted.rows(), conn));
    counted.take();
    let mut count = 0;
    while pages.try_next().await.unwrap().is_some() {
        count += 1;
        assert_eq!(counted.take(), 1);
    }
    // That there is no sixth is known without asking.
    assert_eq!((count, counted.take()), (5, 0));
}

async fn a_list_without_rows_is_one_page_without_rows<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 2).await;
    let end = page::<DB>(conn, "").await.page_info.end_cursor.unwrap();
    let pages = stream::<DB>(conn, &format!("after={end}")).await;
    assert!(pages.len() == 1 && pages[0].items.is_empty() && pages[0].page_info.has_prev);
    run::<DB>(conn, "delete from listed_rows").await;
    let pages = stream::<DB>(conn, "").await;
    assert!(pages.len() == 1 && pages[0].items.is_empty() && !pages[0].page_info.has_prev);
}

async fn an_error_is_the_last_item<DB: Db>(conn: &mut DB::Connection) {
    let (list, cursors) = (list(), cursors());
    let request = list.request("", &cursors, ()).unwrap();
    let mut pages = pin!(request.stream(Raw("select * from no_such_table"), conn));
    assert!(pages.try_next().await.is_err());
    assert!(pages.try_next().await.unwrap().is_none());
}
