//! Moments and dates on SQLite, which keeps them as texts: in the form that sqlx writes, or an error.

use chrono::{DateTime, NaiveDate, Utc};
use saas_core::sql::Raw;
use saas_pagination::{Error, ErrorKind, List};
use sqlx::{Sqlite, SqliteConnection};

use crate::conformance::cursors;
use crate::databases::{run, sqlite};

#[derive(Debug, sqlx::FromRow)]
struct Event {
    id: i64,
    at: DateTime<Utc>,
    day: NaiveDate,
}

const EVENTS: Raw = Raw("select * from events");

fn list() -> List<Event> {
    List::new("events", "id", |event: &Event| event.id)
        .sort("at", "at", |event: &Event| event.at)
        .sort("day", "day", |event: &Event| event.day)
}

/// Three events, the last of them with these two expressions.
async fn events(at: &str, day: &str) -> SqliteConnection {
    let mut conn = sqlite().await;
    run::<Sqlite>(&mut conn, "create table events (id integer primary key, at, day)").await;
    for (id, at, day) in [
        (1, "'2026-01-01T00:00:00+00:00'", "'2026-01-01'"),
        (2, "'2026-01-01T00:00:00.500+00:00'", "'2026-01-02'"),
        (3, at, day),
    ] {
        run::<Sqlite>(&mut conn, format!("insert into events values ({id}, {at}, {day})")).await;
    }
    conn
}

async fn ids(
    conn: &mut SqliteConnection,
    list: &List<Event>,
    query: &str,
) -> Result<Vec<i64>, Error> {
    let page = list.request(query, &cursors(), ()).unwrap().fetch(EVENTS, conn).await?;
    Ok(page.items.iter().map(|event| event.id).collect())
}

const MOMENTS: [&str; 4] =
    ["current_timestamp", "'2026-01-01T00:00:00Z'", "1767225600", "'2026-01-01T02:00:00+02:00'"];

fn is_of(error: &Error, name: &str) -> bool {
    error.kind() == ErrorKind::Misuse
        && matches!(error, Error::KeyColumn { column, .. } if *column == name)
}

#[tokio::test]
async fn a_moment_in_another_form_is_an_error_that_names_its_column() {
    for at in MOMENTS {
        let conn = &mut events(at, "'2026-01-03'").await;
        for query in ["sort=at", "sort=-at"] {
            let error = ids(conn, &list(), query).await.unwrap_err();
            assert!(is_of(&error, "at"), "{at} {query} {error}");
        }
        // Where nothing is compared with it, it may be in any form.
        assert_eq!(ids(conn, &list(), "sort=day").await.unwrap(), [1, 2, 3], "{at}");
    }
}

#[tokio::test]
async fn the_row_behind_a_page_is_looked_at_too() {
    let conn = &mut events("'2026-01-01T05:00:00Z'", "'2026-01-03'").await;
    assert_eq!(ids(conn, &list(), "sort=at&limit=1").await.unwrap(), [1]);
    let error = ids(conn, &list(), "sort=at&limit=2").await.unwrap_err();
    assert!(is_of(&error, "at"), "{error}");
}

#[tokio::test]
async fn the_moment_of_insertion_is_looked_at_whatever_the_sort() {
    for at in MOMENTS {
        let conn = &mut events(at, "'2026-01-03'").await;
        let outcome = ids(conn, &list().as_of("at"), "sort=day").await;
        // A number is less than every text, and what begins with a later year is greater than now.
        assert!(outcome.as_ref().is_err_and(|error| is_of(error, "at")), "{at} {outcome:?}");
    }
}

#[tokio::test]
async fn a_date_in_another_form_is_an_error_that_names_its_column() {
    for day in ["'2026-1-3'", "20260103"] {
        let conn = &mut events("'2026-01-01T00:00:01+00:00'", day).await;
        let error = ids(conn, &list(), "sort=day").await.unwrap_err();
        assert!(is_of(&error, "day"), "{day} {error}");
    }
}

#[derive(Debug, sqlx::FromRow)]
struct Named {
    id: uuid::fmt::Hyphenated,
}

#[tokio::test]
async fn an_id_that_is_stored_as_text_and_compared_as_bytes_is_an_error() {
    let conn = &mut sqlite().await;
    run::<Sqlite>(conn, "create table named (id text primary key)").await;
    for number in 1..=3 {
        let id = uuid::Uuid::from_u128(number).hyphenated();
        run::<Sqlite>(conn, format!("insert into named values ('{id}')")).await;
    }
    let base = Raw("select * from named");
    let list = List::new("named", "id", |row: &Named| uuid::Uuid::from(row.id));
    let error =
        list.request("", &cursors(), ()).unwrap().fetch(base, &mut *conn).await.unwrap_err();
    assert!(is_of(&error, "id"), "{error}");
    // As the text that it is, it is walked.
    let list = List::new("named", "id", |row: &Named| row.id.to_string());
    let page =
        list.request("limit=2", &cursors(), ()).unwrap().fetch(base, &mut *conn).await.unwrap();
    let query = format!("limit=2&after={}", page.page_info.end_cursor.unwrap());
    let page = list.request(&query, &cursors(), ()).unwrap().fetch(base, &mut *conn).await.unwrap();
    assert_eq!(page.items.len(), 1);
}

#[tokio::test]
async fn what_the_base_select_brings_into_the_form_is_walked() {
    let conn = &mut events("'2026-01-01 05:00:00'", "'2026-01-03'").await;
    let base = Raw("select id, strftime('%Y-%m-%dT%H:%M:%S+00:00', at) as at, day from events");
    let request = list();
    let request = request.request("sort=-at&limit=1", &cursors(), ()).unwrap();
    let page = request.fetch(base, conn).await.unwrap();
    assert_eq!(page.items[0].id, 3);
}
