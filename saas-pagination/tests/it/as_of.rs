//! Walks that later rows stay out of.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::TryStreamExt;
use saas_core::ManualClock;
use saas_pagination::{Count, CursorError, Cursors, Error, Invalid, List, Page, Total};

use crate::conformance::{ROWS, at, cursors, filled, list, numbers, row};
use crate::databases::{Db, on_both};
use crate::rows::{Row, insert};

on_both!(
    rows_inserted_after_the_start_stay_out_whatever_the_sort,
    the_moment_itself_is_in_and_the_next_microsecond_is_not,
    a_total_counts_what_the_walk_sees,
    a_connection_between_two_walks_sees_what_both_see,
    a_cursor_without_a_moment_is_refused_where_one_is_needed,
);

fn walked() -> List<Row> {
    list().as_of("moment")
}

fn clocked(microsecond: i64) -> (Cursors, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(at(microsecond)));
    (cursors().with_clock(clock.clone()), clock)
}

async fn page<DB: Db>(conn: &mut DB::Connection, query: &str, cursors: &Cursors) -> Page<Row> {
    walked().request(query, cursors, ()).unwrap().fetch(ROWS, conn).await.unwrap()
}

async fn rows_inserted_after_the_start_stay_out_whatever_the_sort<DB: Db>(
    conn: &mut DB::Connection,
) {
    for sort in ["whole", "-whole", "day", "-day", "moment", "-moment"] {
        filled::<DB>(conn, 6).await;
        let (cursors, clock) = clocked(6);
        let query = format!("sort={sort}&limit=2");
        let expected = numbers(&page::<DB>(conn, &format!("sort={sort}"), &cursors).await);
        let mut next = page::<DB>(conn, &query, &cursors).await;
        let mut seen = numbers(&next);
        let mut later = 7;
        while next.page_info.has_next {
            // Two more before each page, while the clock goes on.
            insert::<DB>(conn, "listed_rows", &[row(later), row(later + 1)]).await;
            later += 2;
            clock.set(at(later));
            let end = next.page_info.end_cursor.unwrap();
            next = page::<DB>(conn, &format!("{query}&after={end}"), &cursors).await;
            seen.extend(numbers(&next));
        }
        assert_eq!(seen, expected, "{sort}");
        // And the same on the way back, in one stream.
        let list = walked();
        let query = format!("{query}&before={}", next.page_info.start_cursor.unwrap());
        let request = list.request(&query, &cursors, ()).unwrap();
        let pages: Vec<_> = request.stream(ROWS, &mut *conn).try_collect().await.unwrap();
        let back: Vec<_> = pages.iter().rev().flat_map(numbers).collect();
        assert_eq!(back, expected[..4], "{sort}");
        // A request without a cursor is a new walk.
        assert_eq!(page::<DB>(conn, "", &cursors).await.items.len(), 10);
    }
}

async fn the_moment_itself_is_in_and_the_next_microsecond_is_not<DB: Db>(
    conn: &mut DB::Connection,
) {
    filled::<DB>(conn, 3).await;
    let (cursors, clock) = clocked(2);
    assert_eq!(numbers(&page::<DB>(conn, "", &cursors).await), [1, 2]);
    clock.set(at(2) + TimeDelta::nanoseconds(999));
    assert_eq!(numbers(&page::<DB>(conn, "", &cursors).await), [1, 2]);
    clock.set(at(3));
    assert_eq!(numbers(&page::<DB>(conn, "", &cursors).await), [1, 2, 3]);
}

async fn a_total_counts_what_the_walk_sees<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 9).await;
    let (cursors, clock) = clocked(5);
    let end = page::<DB>(conn, "limit=1", &cursors).await.page_info.end_cursor.unwrap();
    clock.set(at(9));
    let list = walked();
    let request = list.request(&format!("limit=1&after={end}"), &cursors, ()).unwrap();
    let page = request.total(Count::Exact).fetch(ROWS, conn).await.unwrap();
    assert_eq!(page.total, Some(Total::Exact(5)));
}

async fn a_connection_between_two_walks_sees_what_both_see<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 9).await;
    let (cursors, clock) = clocked(5);
    let early = page::<DB>(conn, "sort=-whole&limit=1", &cursors).await;
    clock.set(at(9));
    let late = page::<DB>(conn, "sort=-whole&limit=8", &cursors).await;
    assert_eq!((numbers(&early), numbers(&late).last()), (vec![5], Some(&2)));
    let (after, before) = (early.page_info.end_cursor.unwrap(), late.page_info.end_cursor.unwrap());
    let list = walked();
    for (after, before, expected) in [(&after, &before, vec![4, 3]), (&before, &after, vec![])] {
        let query = format!("sort=-whole&after={after}&before={before}");
        let request = list.connection(&query, &cursors, ()).unwrap();
        let connection = request.fetch(ROWS, &mut *conn).await.unwrap();
        let found: Vec<_> = connection.edges.iter().map(|edge| edge.node.whole.unwrap()).collect();
        assert_eq!(found, expected);
    }
}

async fn a_cursor_without_a_moment_is_refused_where_one_is_needed<DB: Db>(
    conn: &mut DB::Connection,
) {
    filled::<DB>(conn, 3).await;
    let (cursors, _) = clocked(3);
    let (plain, walked) = (list(), walked());
    let of = |list: &List<Row>| {
        list.request("sort=moment", &cursors, ()).unwrap().cursor(&row(1)).unwrap()
    };
    let (without, with) = (of(&plain), of(&walked));
    assert_eq!((without.len(), with.len()), (74, 86));
    let other = list().as_of("uuid");
    for (list, cursor) in [(&plain, &with), (&walked, &without), (&other, &with)] {
        let refused = list.request(&format!("sort=moment&after={cursor}"), &cursors, ());
        let reason = Invalid::Cursor(CursorError::Foreign);
        assert!(matches!(refused, Err(Error::Parameter { reason: found, .. }) if found == reason));
    }
    let own = walked.request(&format!("sort=moment&after={with}"), &cursors, ()).unwrap();
    assert_eq!(numbers(&own.fetch(ROWS, conn).await.unwrap()), [2, 3]);
}
