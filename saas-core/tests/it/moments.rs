//! What chrono cannot hold is told before it is read.

use saas_core::sql::{Backend, Statements};
use saas_testkit as testkit;
use sqlx::{Postgres, QueryBuilder};

/// Each type at both edges of chrono's range and one step beyond, and at PostgreSQL's own extremes.
#[tokio::test]
async fn a_moment_that_chrono_cannot_hold_is_an_error_that_names_its_column() {
    let mut conn = testkit::postgres("t_core").await.app.acquire().await.unwrap();
    for (value, fits) in [
        ("timestamptz '262142-12-31 23:59:59.999999+00'", true),
        ("timestamptz '262143-01-01 00:00:00+00'", false),
        ("timestamptz '294276-12-31'", false),
        ("timestamptz 'infinity'", false),
        ("timestamptz '-infinity'", false),
        ("timestamptz '4713-01-01 BC'", true),
        ("timestamp '262142-12-31 23:59:59.999999'", true),
        ("timestamp '262143-01-01'", false),
        ("timestamp '-infinity'", false),
        ("date '262142-12-31'", true),
        ("date '262143-01-01'", false),
        ("date '5874897-12-31'", false),
        ("date 'infinity'", false),
        ("date '4713-01-01 BC'", true),
        ("null::timestamptz", true),
        ("'infinity'::text", true),
    ] {
        let query = QueryBuilder::new(format!("select 1 as one, {value} as odd"));
        let rows = Postgres::fetch_all(&mut conn, query, Statements::Unnamed).await.unwrap();
        match Postgres::check_moments(&rows[0]) {
            Ok(()) => assert!(fits, "{value}"),
            Err(sqlx::Error::ColumnDecode { index, .. }) => {
                assert!(!fits && index == "odd", "{value} {index}");
            }
            Err(error) => panic!("{value} {error}"),
        }
    }
}
