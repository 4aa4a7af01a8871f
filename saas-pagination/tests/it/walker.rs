//! A client that goes through a whole list.

use saas_core::sql::Raw;
use saas_pagination::List;

use crate::conformance::{cursors, numbers};
use crate::databases::Db;
use crate::rows::Row;

/// The rows' numbers, found page by page, and found the same on the way back.
pub(crate) async fn walk<DB: Db>(
    conn: &mut DB::Connection,
    list: &List<Row>,
    base: Raw,
    query: &str,
) -> Vec<i64> {
    let mut fetch = async |cursor: &str| {
        let query = format!("{query}{cursor}");
        let request = list.request(&query, &cursors(), ()).unwrap();
        request.fetch(base, &mut *conn).await.unwrap()
    };
    let mut page = fetch("").await;
    let mut onward = numbers(&page);
    while let Some(end) = page.page_info.end_cursor.clone().filter(|_| page.page_info.has_next) {
        page = fetch(&format!("&after={end}")).await;
        onward.extend(numbers(&page));
        assert!(onward.len() < 1_000, "{query} has no end");
    }
    let mut back = numbers(&page);
    while let Some(start) = page.page_info.start_cursor.clone().filter(|_| page.page_info.has_prev)
    {
        page = fetch(&format!("&before={start}")).await;
        back.splice(0..0, numbers(&page));
    }
    assert_eq!(back, onward, "the way back of {query}");
    onward
}
