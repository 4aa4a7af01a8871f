//! Values at which others stumble, as keys and as filters.

use chrono::{DateTime, Utc};
use saas_core::schema::Dialect;
use saas_core::sql::Raw;
use saas_pagination::{Error, ErrorKind, Key, List, Nulls};
use sqlx::Postgres;
use uuid::Uuid;

use crate::conformance::{ROWS, cursors, row};
use crate::databases::{Db, on_both, postgres, run};
use crate::rows::{Row, create, create_with, insert};
use crate::walker::walk;

on_both!(
    floats_have_one_order_from_the_least_infinity_to_nan,
    booleans_are_keys_like_others,
    the_extreme_whole_numbers_are_walked_past,
    an_empty_text_is_no_null_and_separators_separate_nothing,
    a_column_is_compared_by_the_collation_that_it_is_sorted_by,
    money_is_sorted_exactly_in_its_minor_unit,
);

async fn filled<DB: Db>(conn: &mut DB::Connection, rows: &[Row]) {
    create::<DB>(conn, "listed_rows").await;
    insert::<DB>(conn, "listed_rows", rows).await;
}

/// The walk for pages of one row, two and three, up and down.
async fn both_ways<DB: Db>(
    conn: &mut DB::Connection,
    list: &List<Row>,
    base: Raw,
    up: &[i64],
    down: &[i64],
) {
    for limit in 1..=3 {
        let query = format!("sort=key&limit={limit}");
        assert_eq!(walk::<DB>(conn, list, base, &query).await, up, "{query}");
        let query = format!("sort=-key&limit={limit}");
        assert_eq!(walk::<DB>(conn, list, base, &query).await, down, "{query}");
    }
}

fn sorted_by(key: Key<Row>) -> List<Row> {
    List::new("rows", "id", |row: &Row| row.id).sort_by("key", [key])
}

async fn floats_have_one_order_from_the_least_infinity_to_nan<DB: Db>(conn: &mut DB::Connection) {
    let floats = [
        f64::NEG_INFINITY,
        f64::MIN,
        -5e-324,
        -0.0,
        0.0,
        5e-324,
        f64::MAX,
        f64::INFINITY,
        f64::NAN,
    ];
    let rows = (1..).zip(floats).map(|(number, float)| Row { float: Some(float), ..row(number) });
    filled::<DB>(conn, &rows.collect::<Vec<_>>()).await;
    let list = sorted_by(Key::new("float", |row: &Row| row.float));
    let up = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    // Zeros are equal whatever their sign. Differs: to PostgreSQL NaN is the greatest number; SQLite
    // stores NULL in its place, which comes last both ways.
    match DB::DIALECT {
        Dialect::Postgres => {
            both_ways::<DB>(conn, &list, ROWS, &up, &[9, 8, 7, 6, 5, 4, 3, 2, 1]).await;
        }
        Dialect::Sqlite => {
            both_ways::<DB>(conn, &list, ROWS, &up, &[8, 7, 6, 5, 4, 3, 2, 1, 9]).await;
        }
    }
}

async fn booleans_are_keys_like_others<DB: Db>(conn: &mut DB::Connection) {
    let flags = [Some(true), None, Some(false), Some(true), None, Some(false)];
    let rows = (1..).zip(flags).map(|(number, flag)| Row { flag, ..row(number) });
    filled::<DB>(conn, &rows.collect::<Vec<_>>()).await;
    let key = || Key::new("flag", |row: &Row| row.flag);
    let list = sorted_by(key());
    both_ways::<DB>(conn, &list, ROWS, &[3, 6, 1, 4, 2, 5], &[4, 1, 6, 3, 5, 2]).await;
    let list = sorted_by(key().nulls(Nulls::First));
    both_ways::<DB>(conn, &list, ROWS, &[2, 5, 3, 6, 1, 4], &[5, 2, 4, 1, 6, 3]).await;
}

async fn the_extreme_whole_numbers_are_walked_past<DB: Db>(conn: &mut DB::Connection) {
    create::<DB>(conn, "listed_rows").await;
    let extremes = [i64::MIN, i64::MAX, i64::MIN, i64::MAX, 0];
    let rows = (1..).zip(extremes).map(|(number, whole)| Row { whole: Some(whole), ..row(number) });
    insert::<DB>(conn, "listed_rows", &rows.collect::<Vec<_>>()).await;
    let list = sorted_by(Key::new("whole", |row: &Row| row.whole.unwrap())).filter::<i64>(
        "whole",
        "whole",
        [saas_pagination::Operator::Gte],
    );
    let (least, most) = (i64::MIN, i64::MAX);
    let up = [least, least, 0, most, most];
    both_ways::<DB>(conn, &list, ROWS, &up, &[most, most, 0, least, least]).await;
    let query = format!("sort=key&limit=1&whole[gte]={most}");
    assert_eq!(walk::<DB>(conn, &list, ROWS, &query).await, [most, most]);
}

async fn an_empty_text_is_no_null_and_separators_separate_nothing<DB: Db>(
    conn: &mut DB::Connection,
) {
    // PostgreSQL has no text with NUL; SQLite has.
    let nul = if DB::DIALECT == Dialect::Sqlite { "a\0" } else { "a" };
    let texts = [Some(""), None, Some("a"), Some(nul), Some("a,b"), Some(""), None, Some("a|b\n")];
    let rows =
        (1..).zip(texts).map(|(number, text)| Row { text: text.map(str::to_owned), ..row(number) });
    filled::<DB>(conn, &rows.collect::<Vec<_>>()).await;
    let key = || Key::new("text", |row: &Row| row.text.clone());
    let (up, down) = ([1, 6, 3, 4, 5, 8, 2, 7], [8, 5, 4, 3, 6, 1, 7, 2]);
    both_ways::<DB>(conn, &sorted_by(key()), ROWS, &up, &down).await;
    let (up, down) = ([2, 7, 1, 6, 3, 4, 5, 8], [7, 2, 8, 5, 4, 3, 6, 1]);
    both_ways::<DB>(conn, &sorted_by(key().nulls(Nulls::First)), ROWS, &up, &down).await;
}

/// Declared by the column, or given by the base select.
async fn a_column_is_compared_by_the_collation_that_it_is_sorted_by<DB: Db>(
    conn: &mut DB::Connection,
) {
    const OTHERS: &str = "id, whole, float, moment, uuid, flag, day, bytes";
    let collation = match DB::DIALECT {
        Dialect::Postgres => {
            let ignoring_case = "create collation if not exists pg_temp.ignoring_case \
                (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";
            run::<DB>(conn, ignoring_case).await;
            "pg_temp.ignoring_case"
        }
        Dialect::Sqlite => "nocase",
    };
    let texts = ["b", "A", "a", "B", "a", "C", "A", "c"].map(str::to_owned);
    let rows = (1..).zip(texts).map(|(number, text)| Row { text: Some(text), ..row(number) });
    let mut rows: Vec<_> = rows.collect();
    let in_base: &'static str =
        format!("select {OTHERS}, text collate {collation} as text from listed_rows").leak();
    for base in [ROWS, Raw(in_base)] {
        let declared =
            if base.0 == ROWS.0 { format!("text collate {collation}") } else { "text".into() };
        create_with::<DB>(conn, "listed_rows", "text", &declared).await;
        insert::<DB>(conn, "listed_rows", &rows).await;
        let plain = sorted_by(Key::new("text", |row: &Row| row.text.clone().unwrap()));
        let (up, down) = ([2, 3, 5, 7, 1, 4, 6, 8], [8, 6, 4, 1, 7, 5, 3, 2]);
        both_ways::<DB>(conn, &plain, base, &up, &down).await;
        let nullable =
            sorted_by(Key::new("text", |row: &Row| row.text.clone()).nulls(Nulls::First));
        both_ways::<DB>(conn, &nullable, base, &up, &down).await;
        let mixed = List::new("rows", "id", |row: &Row| row.id).sort_by(
            "key",
            [
                Key::new("text", |row: &Row| row.text.clone().unwrap()).descending(),
                Key::new("whole", |row: &Row| row.whole.unwrap()),
            ],
        );
        let (up, down) = ([6, 8, 1, 4, 2, 3, 5, 7], [7, 5, 3, 2, 4, 1, 8, 6]);
        both_ways::<DB>(conn, &mixed, base, &up, &down).await;
    }
    // With NULLs the pages are put together from several ranges.
    rows[2].text = None;
    rows[3].text = None;
    create_with::<DB>(conn, "listed_rows", "text", &format!("text collate {collation}")).await;
    insert::<DB>(conn, "listed_rows", &rows).await;
    let nullable = sorted_by(Key::new("text", |row: &Row| row.text.clone()));
    let (up, down) = ([2, 5, 7, 1, 6, 8, 3, 4], [8, 6, 1, 7, 5, 2, 4, 3]);
    both_ways::<DB>(conn, &nullable, ROWS, &up, &down).await;
}

/// `numeric` has no exact counterpart among the values: the base select gives it as a whole number.
async fn money_is_sorted_exactly_in_its_minor_unit<DB: Db>(conn: &mut DB::Connection) {
    let minor = [10_00, 9_99, -1, 9_007_199_254_740_993, 9_007_199_254_740_992, 9_99];
    let rows = (1..).zip(minor).map(|(number, whole)| Row { whole: Some(whole), ..row(number) });
    filled::<DB>(conn, &rows.collect::<Vec<_>>()).await;
    let base = match DB::DIALECT {
        Dialect::Postgres => {
            let numeric = "alter table listed_rows alter column whole type numeric(20, 2) using whole / 100.0";
            run::<DB>(conn, numeric).await;
            "select id, (whole * 100)::bigint as whole, float, text, moment, uuid, flag, day, bytes \
             from listed_rows"
        }
        // It has no exact decimals to begin with.
        Dialect::Sqlite => "select * from listed_rows",
    };
    let list = sorted_by(Key::new("whole", |row: &Row| row.whole.unwrap()));
    let up = [-1, 9_99, 9_99, 10_00, 9_007_199_254_740_992, 9_007_199_254_740_993];
    let mut down = up;
    down.reverse();
    both_ways::<DB>(conn, &list, Raw(base), &up, &down).await;
}

#[derive(Debug, sqlx::FromRow)]
struct Event {
    id: Uuid,
    moment: Option<DateTime<Utc>>,
}

/// chrono has no infinity: the page that would hold it fails, and none is silently cut short.
#[tokio::test]
async fn an_infinite_moment_on_postgres_is_an_error_on_its_page() {
    let conn = &mut postgres().await;
    let days = [None, Some(-1), Some(0), Some(1)];
    let moment = |day| row(1).moment.map(|moment| moment + chrono::TimeDelta::days(day));
    let rows = (1..).zip(days).map(|(n, day)| Row { moment: day.and_then(moment), ..row(n) });
    filled::<Postgres>(conn, &rows.collect::<Vec<_>>()).await;
    let list = List::new("events", "id", |event: &Event| event.id).sort(
        "moment",
        "moment",
        |event: &Event| event.moment,
    );
    let base = Raw("select id, moment from listed_rows");
    for (infinity, sort) in [("infinity", "-moment"), ("-infinity", "moment")] {
        let make = format!("update listed_rows set moment = '{infinity}' where moment is null");
        run::<Postgres>(conn, make).await;
        let query = format!("sort={sort}&limit=2");
        let request = list.request(&query, &cursors(), ()).unwrap();
        let error = request.fetch(base, &mut *conn).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Database);
        let Error::Database(sqlx::Error::ColumnDecode { index, .. }) = &error else {
            panic!("{error:?}")
        };
        assert_eq!(index, "moment");
        run::<Postgres>(conn, "update listed_rows set moment = null where not isfinite(moment)")
            .await;
    }
    // A column that only the row has counts too, of whichever type.
    let list = List::new("events", "id", |event: &Event| event.id);
    for odd in ["date 'infinity'", "timestamp '-infinity'", "timestamptz '294276-12-31'"] {
        let base =
            format!("select id, moment, {odd} as odd from listed_rows where moment is not null");
        let request = list.request("", &cursors(), ()).unwrap();
        let error = request.fetch(Raw(base.leak()), &mut *conn).await.unwrap_err();
        let Error::Database(sqlx::Error::ColumnDecode { index, .. }) = &error else {
            panic!("{odd}: {error:?}")
        };
        assert_eq!(index, "odd");
    }
    // The way round it: the base select gives NULL instead.
    run::<Postgres>(conn, "update listed_rows set moment = 'infinity' where moment is null").await;
    let base = Raw(
        "select id, whole, float, text, case when isfinite(moment) then moment end as moment, \
        uuid, flag, day, bytes from listed_rows",
    );
    let list = sorted_by(Key::new("moment", |row: &Row| row.moment));
    both_ways::<Postgres>(conn, &list, base, &[2, 3, 4, 1], &[4, 3, 2, 1]).await;
}
