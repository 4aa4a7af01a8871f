//! What depth costs a page, and what a cursor costs.

use chrono::{DateTime, NaiveDate, Utc};
use saas_core::sql::Fragment;
use saas_pagination::{Cursors, Key, List, Page};
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::database::Database;
use crate::measure::{in_turns, micros};
use crate::{Result, Size};

#[derive(Debug, FromRow)]
struct Entry {
    id: Uuid,
    created_at: DateTime<Utc>,
    due_on: Option<NaiveDate>,
    total: i64,
}

/// A sort, the metric it is measured as, and its order as SQL says it.
const SORTS: [(&str, &str, &str); 3] = [
    ("-created_at", "time_per_page", "created_at desc, id desc"),
    ("mixed", "time_per_page_of_mixed_directions", "total desc, created_at, id"),
    ("due_on", "time_per_page_of_nullable_key", "due_on nulls last, id"),
];

const TENANT: Uuid = Uuid::from_u128(1);

/// What opening and sealing a cursor is to stay under, in microseconds.
const CODEC_BAR: f64 = 5.0;

pub(crate) async fn run(size: Size) -> Result<()> {
    codec(size).await?;
    let database = Database::fresh().await;
    let depth: u32 = size.pick(1_000_000, 100_000);
    fill(&database, depth).await?;
    let pool = database.app(1).await?;
    let mut conn = pool.acquire().await?;
    for sort in SORTS {
        depth_of(&mut conn, size, depth, sort).await?;
    }
    drop(conn);
    database.remove().await
}

fn entries() -> List<Entry> {
    let total = Key::new("total", |entry: &Entry| entry.total).descending();
    let created_at = || Key::new("created_at", |entry: &Entry| entry.created_at);
    List::new("entries", "id", |entry: &Entry| entry.id)
        .sort_by("created_at", [created_at()])
        .sort("due_on", "due_on", |entry: &Entry| entry.due_on)
        .sort_by("mixed", [total, created_at()])
}

fn cursors() -> Result<Cursors> {
    Ok(Cursors::new([7; 32])?)
}

/// One tenant's entries, scoped as its select is.
struct Base;

impl Fragment<Postgres> for Base {
    fn push_to(&self, query: &mut QueryBuilder<Postgres>) {
        query.push("select id, created_at, due_on, total from entries where tenant_id = ");
        query.push_bind(TENANT);
    }
}

async fn depth_of(
    conn: &mut PgConnection,
    size: Size,
    depth: u32,
    (sort, metric, order): (&str, &'static str, &str),
) -> Result<()> {
    let (list, cursors) = (entries(), cursors()?);
    let first = format!("sort={sort}");
    let mut before = QueryBuilder::new("");
    Base.push_to(&mut before);
    before.push(" order by ").push(order).push(" limit 32 offset ").push(depth - 32);
    let rows: Vec<Entry> = before.build_query_as().fetch_all(&mut *conn).await?;
    let request = list.request(&first, &cursors, TENANT)?;
    let deep = rows.iter().map(|row| Ok(format!("{first}&after={}", request.cursor(row)?)));
    let deep = deep.collect::<Result<Vec<_>>>()?;

    let page = async |query: &str, conn: &mut PgConnection| -> Result<Page<Entry>> {
        Ok(list.request(query, &cursors, TENANT)?.fetch(Base, conn).await?)
    };
    for query in [&first, &deep[0]] {
        assert_eq!(page(query, conn).await?.items.len(), 25, "a whole page");
    }
    // Both need the connection, one after the other.
    let conn = tokio::sync::Mutex::new(conn);
    let turns = in_turns(
        size.pick(2001, 501),
        async |round| {
            let conn = &mut *conn.lock().await;
            micros(round, 20, async |call| page(&deep[call % deep.len()], conn).await.map(drop))
                .await
        },
        async |round| {
            let conn = &mut *conn.lock().await;
            micros(round, 20, async |_| page(&first, conn).await.map(drop)).await
        },
    )
    .await?;
    let unit = size.pick("us at depth 1000000", "us at depth 100000");
    turns.report("pagination/depth", metric, unit)
}

/// Opens and seals through a whole request, for the codec has no door of its own; so the query
/// string is read as well.
async fn codec(size: Size) -> Result<()> {
    let (list, cursors) = (entries(), cursors()?);
    let row = Entry {
        id: Uuid::now_v7(),
        created_at: saas_core::truncate_to_micros(Utc::now()),
        due_on: None,
        total: 1,
    };
    let cursor = list.request("sort=-created_at", &cursors, TENANT)?.cursor(&row)?;
    let query = format!("sort=-created_at&after={cursor}");
    let there_and_back = async |round| {
        micros(round, 2000, async |_| {
            let again = list.request(&query, &cursors, TENANT)?.cursor(&row)?;
            if again == cursor { Ok(()) } else { Err("the cursor has changed".into()) }
        })
        .await
    };
    let turns = in_turns(size.pick(101, 31), there_and_back, async |_| Ok(CODEC_BAR)).await?;
    turns.report("pagination/codec_us", "seal_and_open", "us")
}

/// Every sort has its index; entries tie, and every third has no due date.
async fn fill(database: &Database, depth: u32) -> Result<()> {
    let rows = depth + depth / 10;
    eprintln!("pagination: {rows} rows of one tenant");
    database
        .set_up(format!(
            "create table entries (
                tenant_id uuid not null, id uuid not null, created_at timestamptz not null,
                due_on date, total bigint not null, primary key (tenant_id, id)
            );
            insert into entries
            select '{TENANT}', md5(n::text)::uuid, timestamptz '2026-01-01' + n / 3 * interval '1 second',
                case when n % 3 > 0 then date '2026-01-01' + n % 400 end, n % 7
            from generate_series(1, {rows}) n;
            create index on entries (tenant_id, created_at, id);
            create index on entries (tenant_id, due_on, id);
            create index on entries (tenant_id, total desc, created_at, id);
            grant select on entries to \"{}\";",
            database.role
        ))
        .await?;
    database.set_up("vacuum analyze entries").await
}
