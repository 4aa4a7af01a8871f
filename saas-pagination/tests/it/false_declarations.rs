//! Lists that do not go with their rows, and bases that are written oddly: never a silent wrong page.

use saas_core::sql::Raw;
use saas_pagination::{Count, Error, ErrorKind, List, Problem, Total};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Postgres, Sqlite};

use crate::conformance::{self, ROWS, cursors, filled, numbers, row};
use crate::databases::{Db, on_both, postgres, run, sqlite};
use crate::rows::{Row, create, insert};

on_both!(
    a_null_under_a_key_that_is_declared_without_is_an_error_that_names_it,
    a_key_that_is_read_otherwise_than_it_is_stored_ends_in_an_error_and_not_in_an_endless_walk,
    a_comment_at_the_end_of_the_base_select_is_harmless,
);

/// On the page or behind it, in whichever direction the database has its NULLs.
async fn a_null_under_a_key_that_is_declared_without_is_an_error_that_names_it<DB: Db>(
    conn: &mut DB::Connection,
) {
    create::<DB>(conn, "listed_rows").await;
    let wholes = [Some(1), Some(2), None];
    let rows: Vec<_> = (1..).zip(wholes).map(|(n, whole)| Row { whole, ..row(n) }).collect();
    insert::<DB>(conn, "listed_rows", &rows).await;
    let list = List::new("rows", "id", |row: &Row| row.id)
        .sort("whole", "whole", |row: &Row| row.whole.unwrap_or_default());
    for query in ["sort=whole&limit=2", "sort=-whole&limit=2", "sort=whole", "sort=-whole"] {
        let request = list.request(query, &cursors(), ()).unwrap();
        let error = request.fetch(ROWS, &mut *conn).await.unwrap_err();
        assert!(matches!(error, Error::KeyColumn { column: "whole", .. }), "{query} {error}");
        assert_eq!(error.kind(), ErrorKind::Misuse);
    }
}

async fn a_key_that_is_read_otherwise_than_it_is_stored_ends_in_an_error_and_not_in_an_endless_walk<
    DB: Db,
>(
    conn: &mut DB::Connection,
) {
    filled::<DB>(conn, 4).await;
    let list = List::new("rows", "id", |row: &Row| row.id)
        .sort("whole", "whole", |row: &Row| row.whole.map_or(0, |whole| whole / 10));
    let first = list.request("sort=whole&limit=1", &cursors(), ()).unwrap();
    let page = first.fetch(ROWS, &mut *conn).await.unwrap();
    let query = format!("sort=whole&limit=1&after={}", page.page_info.end_cursor.unwrap());
    let next = list.request(&query, &cursors(), ()).unwrap();
    let error = next.fetch(ROWS, &mut *conn).await.unwrap_err();
    assert!(matches!(error, Error::KeyColumn { column: "whole", .. }), "{error}");
}

async fn a_comment_at_the_end_of_the_base_select_is_harmless<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 4).await;
    let list = conformance::list();
    let base = Raw("select * from listed_rows -- all of them");
    let request = list.request("limit=2&text[ne]=x", &cursors(), ()).unwrap().total(Count::Exact);
    let page = request.fetch(base, &mut *conn).await.unwrap();
    assert_eq!((numbers(&page), page.total), (vec![1, 2], Some(Total::Exact(4))));
    let end = page.page_info.end_cursor.unwrap();
    let query = format!("limit=2&text[ne]=x&after={end}");
    let next = list.request(&query, &cursors(), ()).unwrap().fetch(base, conn).await.unwrap();
    assert_eq!(numbers(&next), [3, 4]);
}

#[tokio::test]
async fn a_statement_that_postgres_ended_for_reasons_of_its_own_is_503() {
    for base in [
        Raw("select * from listed_rows where pg_sleep(5) is not null"),
        Raw("select * from listed_rows where pg_terminate_backend(pg_backend_pid())"),
    ] {
        let conn = &mut postgres().await;
        filled::<Postgres>(conn, 1).await;
        run::<Postgres>(conn, "set statement_timeout = 100").await;
        let list = conformance::list();
        let error = list.request("", &cursors(), ()).unwrap().fetch(base, conn).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert_eq!(Problem::from(error).status(), 503);
    }
}

#[derive(Debug)]
struct Broken;

#[allow(clippy::panic)] // Which is what is tested.
impl FromRow<'_, SqliteRow> for Broken {
    fn from_row(_: &SqliteRow) -> Result<Self, sqlx::Error> {
        panic!("what the application's own code says")
    }
}

#[tokio::test]
#[should_panic(expected = "what the application's own code says")]
async fn a_panic_of_the_applications_own_is_not_swallowed() {
    let conn = &mut sqlite().await;
    filled::<Sqlite>(conn, 1).await;
    let list = List::new("broken", "id", |_: &Broken| uuid::Uuid::nil());
    let _ = list.request("", &cursors(), ()).unwrap().fetch(ROWS, conn).await;
}
