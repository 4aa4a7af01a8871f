//! What the databases make of the statements: index ranges, at any depth, for every shape of sort.
//! The indexes are plain; each serves its sort in both directions.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use saas_core::ManualClock;
use saas_core::sql::{Backend, Fragment, Raw, Reads, Statements};
use saas_pagination::{Cursors, Key, List};
use sqlx::{Connection, PgConnection, QueryBuilder, Row as _, SqliteConnection};
use uuid::Uuid;

use crate::databases::run;

#[derive(Debug, sqlx::FromRow)]
struct Invoice {
    id: Uuid,
    created_at: DateTime<Utc>,
    due_on: Option<NaiveDate>,
    total: i64,
}

fn list() -> List<Invoice> {
    let total = Key::new("total", |i: &Invoice| i.total).descending();
    List::new("invoices", "id", |i: &Invoice| i.id)
        .sort("created_at", "created_at", |i: &Invoice| i.created_at)
        .sort("due_on", "due_on", |i: &Invoice| i.due_on)
        .sort_by("mixed", [total, Key::new("created_at", |i: &Invoice| i.created_at)])
}

/// As it is, and keeping later rows out of its walks.
fn lists() -> [List<Invoice>; 2] {
    [list(), list().as_of("created_at")]
}

const SORTS: [&str; 6] = ["created_at", "-created_at", "due_on", "-due_on", "mixed", "-mixed"];

const INDEXES: [&str; 3] = [
    "create index planned_created on planned (tenant_id, created_at, id) where deleted_at is null",
    "create index planned_due on planned (tenant_id, due_on, id) where deleted_at is null",
    "create index planned_mixed on planned (tenant_id, total desc, created_at, id) where deleted_at is null",
];

/// Scoped as a tenant's select is.
const BASE: Raw = Raw(
    "select \"planned\".\"id\", \"planned\".\"created_at\", \"planned\".\"due_on\", \
     \"planned\".\"total\" from \"planned\" where \"planned\".\"tenant_id\" = 1 and \"deleted_at\" is null",
);

/// Positions at the head, in the middle of a tie group, around the NULLs and near the end.
const OFFSETS: [u32; 5] = [0, 5_000, 13_200, 13_400, 19_900];

/// The statement of a page, or of a connection, behind `explain`.
fn explained<DB: Backend>(list: &List<Invoice>, explain: &str, query: &str) -> QueryBuilder<DB> {
    let mut statement = QueryBuilder::new(explain);
    if query.contains("limit=") {
        let plan = list.request(query, &cursors(), ()).unwrap().plan(BASE);
        Fragment::<DB>::push_to(&plan, &mut statement);
    } else {
        let plan = list.connection(query, &cursors(), ()).unwrap().plan(BASE);
        Fragment::<DB>::push_to(&plan, &mut statement);
    }
    statement
}

fn cursors() -> Cursors {
    let clock = ManualClock::at("2026-06-01T00:00:00Z".parse().unwrap());
    Cursors::new([7; 32]).unwrap().with_clock(Arc::new(clock))
}

/// The first page of every sort, and both ways from each position; and connections from either end
/// and from one position towards the next.
async fn queries<DB>(conn: &mut DB::Connection, list: &List<Invoice>) -> Vec<String>
where
    DB: Backend + Reads<Invoice>,
{
    let order = |sort| match sort {
        "created_at" => "created_at, id",
        "-created_at" => "created_at desc, id desc",
        "due_on" => "due_on nulls last, id",
        "-due_on" => "due_on desc nulls last, id desc",
        "mixed" => "total desc, created_at, id",
        _ => "total, created_at desc, id desc",
    };
    let mut queries = Vec::new();
    for sort in SORTS {
        queries.push(format!("sort={sort}&limit=10"));
        queries.push(format!("sort={sort}&last=10"));
        let mut after = None;
        for offset in OFFSETS {
            let sql = format!("{} order by {} limit 1 offset {offset}", BASE.0, order(sort));
            let row = DB::fetch_optional(conn, QueryBuilder::new(sql), Statements::Unnamed).await;
            let row = <DB as Reads<Invoice>>::read(&row.unwrap().unwrap()).unwrap();
            let query = format!("sort={sort}&limit=10");
            let cursor = list.request(&query, &cursors(), ()).unwrap().cursor(&row).unwrap();
            queries.push(format!("{query}&after={cursor}"));
            queries.push(format!("{query}&before={cursor}"));
            queries.push(format!("sort={sort}&first=10&before={cursor}"));
            queries.push(format!("sort={sort}&last=10&after={cursor}"));
            if let Some(after) = after.replace(cursor.clone()) {
                let bounds = format!("sort={sort}&after={after}&before={cursor}");
                let counts = ["first=10", "last=10", "first=10&last=5"];
                queries.extend(counts.map(|counts| format!("{bounds}&{counts}")));
            }
        }
    }
    queries
}

/// Every query of either list.
async fn every<DB>(conn: &mut DB::Connection) -> Vec<(Arc<List<Invoice>>, String)>
where
    DB: Backend + Reads<Invoice>,
{
    let mut every = Vec::new();
    for list in lists().map(Arc::new) {
        let queries = queries::<DB>(conn, &list).await.into_iter();
        every.extend(queries.map(|query| (Arc::clone(&list), query)));
    }
    every
}

#[tokio::test]
async fn slow_postgres_reads_the_pages_rows_and_twelve_buffers_more_at_most() {
    let options = saas_testkit::postgres("t_pagination").await.app_options;
    let conn = &mut PgConnection::connect_with(&options).await.unwrap();
    run::<sqlx::Postgres>(
        conn,
        "create temporary table planned as select 1 as tenant_id, gen_random_uuid() as id, \
         timestamptz '2026-01-01' + n / 3 * interval '1 microsecond' as created_at, \
         case when n % 3 > 0 then date '2026-01-01' + n % 40 end as due_on, \
         (n % 7)::bigint as total, null::timestamptz as deleted_at from generate_series(1, 20000) n",
    )
    .await;
    for statement in INDEXES.into_iter().chain(["analyze planned"]) {
        run::<sqlx::Postgres>(conn, statement).await;
    }
    for (list, query) in every::<sqlx::Postgres>(conn).await {
        // Temporary tables count as local buffers.
        let explain = "explain (analyze, buffers, format json, timing off, summary off) ";
        let mut explain = explained(&list, explain, &query);
        let json: serde_json::Value =
            explain.build_query_scalar().fetch_one(&mut *conn).await.unwrap();
        let root = &json[0]["Plan"];
        let buffers = ["Local Hit Blocks", "Local Read Blocks", "Shared Hit Blocks"]
            .map(|name| root[name].as_u64().unwrap_or(0))
            .iter()
            .sum::<u64>();
        // Rows lie scattered over the heap: one buffer each, the look-ahead and the probe among them.
        assert!(buffers <= 10 + 2 + 12, "{buffers} buffers: {query}\n{json:#}");
        let text = json.to_string();
        assert!(!text.contains("Seq Scan"), "{query}\n{json:#}");
    }
}

#[tokio::test]
async fn sqlite_searches_an_index_in_every_branch() {
    let conn = &mut SqliteConnection::connect(":memory:").await.unwrap();
    run::<sqlx::Sqlite>(
        conn,
        "create table planned (tenant_id integer not null, id blob not null, created_at text not null, \
         due_on text, total integer not null, deleted_at text, primary key (tenant_id, id))",
    )
    .await;
    run::<sqlx::Sqlite>(
        conn,
        "with recursive series(n) as (select 1 union all select n + 1 from series where n < 20000) \
         insert into planned select 1, randomblob(16), \
         printf('2026-01-01T00:00:%02d+00:00', n / 3 % 60), \
         case when n % 3 > 0 then date('2026-01-01', (n % 40) || ' days') end, n % 7, null from series",
    )
    .await;
    for statement in INDEXES {
        run::<sqlx::Sqlite>(conn, statement).await;
    }
    for (list, query) in every::<sqlx::Sqlite>(conn).await {
        for line in lines_that_touch(conn, &list, &query).await {
            assert!(line.starts_with("SEARCH planned USING INDEX planned_"), "{query}: {line}");
        }
    }
    // With statistics it may find the primary key as good, where a third of the rows are NULL.
    run::<sqlx::Sqlite>(conn, "analyze").await;
    for (list, query) in every::<sqlx::Sqlite>(conn).await {
        for line in lines_that_touch(conn, &list, &query).await {
            assert!(line.starts_with("SEARCH planned USING INDEX "), "{query}: {line}");
        }
    }
}

/// The lines of the plan that read the table.
async fn lines_that_touch(
    conn: &mut SqliteConnection,
    list: &List<Invoice>,
    query: &str,
) -> Vec<String> {
    let mut explain = explained::<sqlx::Sqlite>(list, "explain query plan ", query);
    let rows = explain.build().fetch_all(conn).await.unwrap();
    let mut plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
    // What is sorted is a page: nothing within a branch is, not even in part.
    assert!(!plan.iter().any(|line| line.contains("TERM")), "{query}\n{plan:#?}");
    plan.retain(|line| line.contains("planned"));
    assert!(!plan.is_empty(), "{query}");
    plan
}
