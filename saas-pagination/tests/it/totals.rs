//! Counts: only when asked for, of the whole list, in a statement of their own.

use saas_core::schema::Dialect;
use saas_core::sql::{Raw, Statements};
use saas_pagination::{Count, Total};
use sqlx::QueryBuilder;

use crate::conformance::{ROWS, cursors, filled, list, row};
use crate::databases::{Db, on_both, run};
use crate::rows::{create, insert};
use crate::statements::Counted;

on_both!(
    a_total_is_that_of_the_filtered_list_wherever_the_page_stands,
    a_capped_count_tells_whether_there_are_more,
    an_estimate_is_the_planners,
    a_total_is_one_statement_more_and_only_when_asked_for,
    another_executor_counts_by_the_plans_own_statement,
);

async fn total<DB: Db>(conn: &mut DB::Connection, query: &str, count: Count) -> Option<Total> {
    let list = list();
    let request = list.request(query, &cursors(), ()).unwrap().total(count);
    request.fetch(ROWS, conn).await.unwrap().total
}

async fn a_total_is_that_of_the_filtered_list_wherever_the_page_stands<DB: Db>(
    conn: &mut DB::Connection,
) {
    filled::<DB>(conn, 20).await;
    let list = list();
    for filter in [
        "text=Even&whole[in]=2,3,4,6,8",
        "kind=even&whole[lt]=10",
        "uuid[eq]=00000000-0000-0000-0000-000000000007&whole[lt]=5",
    ] {
        let query = format!("{filter}&limit=2");
        let page = list.request(&query, &cursors(), ()).unwrap().fetch(ROWS, &mut *conn).await;
        let info = page.unwrap().page_info;
        let (start, end) = (info.start_cursor.unwrap(), info.end_cursor.unwrap());
        for query in
            [query.clone(), format!("{query}&after={end}"), format!("{query}&before={start}")]
        {
            assert_eq!(
                total::<DB>(conn, &query, Count::Exact).await,
                Some(Total::Exact(4)),
                "{query}"
            );
        }
    }
    let base = Raw("select * from listed_rows where whole = 1 or whole > 18");
    let request = list.request("whole[gte]=2&limit=1", &cursors(), ()).unwrap();
    let page = request.total(Count::Exact).fetch(base, conn).await.unwrap();
    assert_eq!(page.total, Some(Total::Exact(2)));
}

async fn a_capped_count_tells_whether_there_are_more<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 5).await;
    for (cap, expected) in [
        (0, Total::AtLeast(0)),
        (4, Total::AtLeast(4)),
        (5, Total::Exact(5)),
        (u32::MAX, Total::Exact(5)),
    ] {
        assert_eq!(total::<DB>(conn, "limit=2", Count::UpTo(cap)).await, Some(expected));
    }
}

async fn an_estimate_is_the_planners<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 200).await;
    run::<DB>(conn, "analyze listed_rows").await;
    let all = total::<DB>(conn, "limit=2", Count::Estimated).await;
    // With the filter's value: no more than a few rows are in the range that it leaves.
    let few = total::<DB>(conn, "limit=2&whole[lt]=4", Count::Estimated).await;
    match DB::DIALECT {
        Dialect::Postgres => {
            assert_eq!(all, Some(Total::Estimated(200)));
            assert!(matches!(few, Some(Total::Estimated(1..=10))), "{few:?}");
        }
        Dialect::Sqlite => {
            assert_eq!((all, few), (Some(Total::Exact(200)), Some(Total::Exact(3))));
        }
    }
}

async fn a_total_is_one_statement_more_and_only_when_asked_for<DB: Db>(conn: &mut DB::Connection) {
    let counted = Counted::new::<DB>("totals");
    create::<DB>(conn, counted.table).await;
    let rows: Vec<_> = (1..=9).map(row).collect();
    insert::<DB>(conn, counted.table, &rows).await;
    let base = counted.rows();
    let (list, cursors) = (list(), cursors());
    let request = |query| list.request(query, &cursors, ()).unwrap();
    counted.take();
    let page = request("limit=3").fetch(base, &mut *conn).await.unwrap();
    assert_eq!((page.total, counted.take()), (None, 1));
    let page = request("limit=3").total(Count::Exact).fetch(base, &mut *conn).await.unwrap();
    assert_eq!((page.total, counted.take()), (Some(Total::Exact(9)), 2));
    // A page that is the whole list has counted it.
    for query in ["limit=9", "limit=9&whole[lt]=1"] {
        let request = request(query).total(Count::Estimated);
        let page = request.fetch(base, &mut *conn).await.unwrap();
        assert_eq!(page.total, Some(Total::Exact(page.items.len() as u64)));
        assert_eq!(counted.take(), 1, "{query}");
    }
}

async fn another_executor_counts_by_the_plans_own_statement<DB: Db>(conn: &mut DB::Connection) {
    use saas_core::sql::Fragment;
    filled::<DB>(conn, 9).await;
    let list = list();
    let request = list.request("limit=2&text=Odd", &cursors(), ()).unwrap();
    assert!(request.plan(ROWS).count().is_none());
    let request = list.request("limit=2&text=Odd", &cursors(), ()).unwrap();
    let plan = request.total(Count::UpTo(4)).plan(ROWS);
    let count = plan.count().unwrap();
    let mut wrapped = QueryBuilder::<DB>::new("select q.* from (");
    count.push_to(&mut wrapped);
    wrapped.push(") q");
    let rows = DB::fetch_all(conn, wrapped, Statements::Unnamed).await.unwrap();
    assert_eq!(count.total(rows).unwrap(), Total::AtLeast(4));
    let none = DB::fetch_all(conn, QueryBuilder::new("select 1 where 1 = 0"), Statements::Unnamed);
    assert!(count.total(none.await.unwrap()).is_err());
}
