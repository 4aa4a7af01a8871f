use saas_core::sql::Fragment;
use sqlx::{Connection, PgConnection, Postgres, QueryBuilder};

use super::{BASE, LIMIT, cursors, indexes, list, queries};
use crate::databases::run;

/// The rows of the page, the one that tells whether another follows, the probe's, and twelve.
const BUFFERS: i64 = LIMIT as i64 + 2 + 12;

async fn table() -> PgConnection {
    let database = saas_testkit::postgres("t_pagination_deep").await;
    let script = format!(
        "drop table if exists deep;
         create table deep as select 1 as tenant_id, md5(n::text)::uuid as id,
             timestamptz '2026-01-01' + n / 3 * interval '1 microsecond' as created_at,
             case when n % 3 > 0 then date '2026-01-01' + n % 40 end as due_on,
             case when n % 5 = 0 then 400 else n % 1009 end::bigint as total,
             null::timestamptz as deleted_at
         from generate_series(1, 1000000) n;
         {};
         analyze deep;
         grant select on deep to {}",
        list().index_ddl(&indexes().postgres()).unwrap().trim().trim_end_matches(';'),
        database.app_role
    );
    database.set_up(&script).await;
    PgConnection::connect_with(&database.app_options).await.unwrap()
}

/// Buffers asked for by this transaction, of the table and its indexes.
async fn buffers(conn: &mut PgConnection) -> i64 {
    let buffers = "select sum(pg_stat_get_xact_blocks_fetched(oid))::bigint from pg_class \
         where oid = 'deep'::regclass \
         or oid in (select indexrelid from pg_index where indrelid = 'deep'::regclass)";
    sqlx::query_scalar(buffers).fetch_one(conn).await.unwrap()
}

async fn explained(conn: &mut PgConnection, query: &str) -> String {
    let list = list();
    let plan = list.request(query, &cursors(), ()).unwrap().plan(BASE);
    let mut explain = QueryBuilder::<Postgres>::new("explain (analyze, buffers) ");
    Fragment::<Postgres>::push_to(&plan, &mut explain);
    let lines: Vec<String> = explain.build_query_scalar().fetch_all(conn).await.unwrap();
    lines.join("\n")
}

/// Prepared by the driver and run as a page is; planned for the values, or once for all values.
async fn every_page_is_cheap(plans: &str) {
    let conn = &mut table().await;
    run::<Postgres>(conn, format!("set plan_cache_mode = {plans}")).await;
    let mut dear = Vec::new();
    for query in queries::<Postgres>(conn).await {
        let mut tx = conn.begin().await.unwrap();
        let before = buffers(&mut tx).await;
        let (list, cursors) = (list(), cursors());
        let request = list.request(&query, &cursors, ()).unwrap();
        request.fetch(BASE, &mut *tx).await.unwrap();
        let buffers = buffers(&mut tx).await - before;
        if buffers > BUFFERS {
            let plan = explained(&mut tx, &query).await;
            dear.push(format!("{buffers} buffers: {query:.40}\n{plan}"));
        }
        tx.commit().await.unwrap();
    }
    assert!(dear.is_empty(), "{} pages\n{}", dear.len(), dear.join("\n\n"));
}

#[tokio::test]
async fn slow_a_page_among_a_million_rows_reads_its_rows_and_twelve_buffers_more_at_most() {
    every_page_is_cheap("force_custom_plan").await;
}

#[tokio::test]
async fn slow_a_page_among_a_million_rows_is_as_cheap_under_a_generic_plan() {
    every_page_is_cheap("force_generic_plan").await;
}
