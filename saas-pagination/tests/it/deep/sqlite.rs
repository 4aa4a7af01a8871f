use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use saas_core::sql::Fragment;
use sqlx::{Connection, QueryBuilder, Row as _, Sqlite, SqliteConnection};

use super::{BASE, cursors, indexes, list, queries};
use crate::databases::run;

/// Steps of SQLite's machine. A page of three ranges and a probe takes some 1,300; to pass over the
/// 66,666 rows of one tie would take hundreds of thousands.
const STEPS: usize = 2_000;

async fn table() -> SqliteConnection {
    let mut conn = SqliteConnection::connect(":memory:").await.unwrap();
    for statement in [
        "create table deep (tenant_id integer not null, id blob not null, created_at text not null, \
         due_on text, total integer not null, deleted_at text)",
        "with recursive series(n) as (select 1 union all select n + 1 from series where n < 1000000) \
         insert into deep select 1, randomblob(16), \
         strftime('%Y-%m-%dT%H:%M:%S+00:00', 1767225600 + n / 3, 'unixepoch'), \
         case when n % 3 > 0 then date('2026-01-01', (n % 40) || ' days') end, \
         case when n % 5 = 0 then 400 else n % 1009 end, null from series",
    ] {
        run::<Sqlite>(&mut conn, statement).await;
    }
    let indexes = list().index_ddl(&indexes()).unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(indexes)).execute(&mut conn).await.unwrap();
    conn
}

/// What the plan does to the table other than to search one of its indexes.
async fn scans(conn: &mut SqliteConnection, query: &str) -> Vec<String> {
    let list = list();
    let plan = list.request(query, &cursors(), ()).unwrap().plan(BASE);
    let mut explain = QueryBuilder::<Sqlite>::new("explain query plan ");
    Fragment::<Sqlite>::push_to(&plan, &mut explain);
    let lines = explain.build().fetch_all(conn).await.unwrap();
    let lines = lines.iter().map(|line| line.get::<String, _>("detail"));
    let scans =
        |line: &String| line.contains("deep") && !line.starts_with("SEARCH deep USING INDEX");
    lines.filter(scans).collect()
}

#[tokio::test]
async fn slow_a_page_among_a_million_rows_is_searched_for_and_never_scanned() {
    let conn = &mut table().await;
    let steps = Arc::new(AtomicUsize::new(0));
    let mut dear = Vec::new();
    // Without statistics, as most SQLite files are, and with them.
    for statistics in ["select 1", "analyze"] {
        run::<Sqlite>(conn, statistics).await;
        for query in queries::<Sqlite>(conn).await {
            assert_eq!(scans(conn, &query).await, [""; 0], "{query:.40} {statistics}");
            let counted = Arc::clone(&steps);
            conn.lock_handle().await.unwrap().set_progress_handler(1, move || {
                counted.fetch_add(1, Ordering::Relaxed);
                true
            });
            steps.store(0, Ordering::Relaxed);
            let (list, cursors) = (list(), cursors());
            let request = list.request(&query, &cursors, ()).unwrap();
            request.fetch(BASE, &mut *conn).await.unwrap();
            let steps = steps.load(Ordering::Relaxed);
            conn.lock_handle().await.unwrap().remove_progress_handler();
            if steps > STEPS {
                dear.push(format!("{steps} steps: {query:.40} {statistics}"));
            }
        }
    }
    assert!(dear.is_empty(), "{}", dear.join("\n"));
}
