//! Connections, against the specification's algorithm written out over a list in memory.

use futures_util::TryStreamExt;
use saas_core::sql::{Fragment, Statements};
use saas_pagination::{Connection, Count, Cursors, Error, Invalid, Key, List, Nulls, Total};
use sqlx::QueryBuilder;
use uuid::Uuid;

use crate::conformance::{self, ROWS, cursors, filled, row};
use crate::databases::{Db, on_both, run};
use crate::rows::{Row, create, insert};
use crate::statements::Counted;

on_both!(
    slow_every_combination_gives_what_the_specification_says,
    where_the_bounds_cross_there_is_nothing_between_them,
    a_connection_is_one_statement,
    a_connection_run_by_another_executor_is_the_same,
    pages_and_connections_take_each_others_cursors,
    the_json_is_the_specifications,
);

const DEFAULT: usize = 2;
const MAX: usize = 4;

fn list() -> List<Row> {
    let text = || Key::new("text", |row: &Row| row.text.clone().unwrap()).descending();
    let day = Key::new("day", |row: &Row| row.day).nulls(Nulls::First);
    conformance::list()
        .sort_by("mixed", [text(), Key::new("whole", |row: &Row| row.whole.unwrap())])
        .sort_by("nulls", [day, text()])
        .limits(2, 4)
}

/// A place in the list; of a row that is gone the cursor remains.
#[derive(Debug, Clone)]
struct Place {
    id: Uuid,
    cursor: String,
    is_gone: bool,
}

/// What the client asks for; places by their number.
#[derive(Debug, Clone, Copy)]
struct Asked {
    first: Option<usize>,
    last: Option<usize>,
    after: Option<usize>,
    before: Option<usize>,
}

/// The names below are the specification's.
impl Asked {
    /// Before its edges are counted, what is gone is left out.
    fn apply_cursors_to_edges<'e>(&self, all_edges: &'e [Place]) -> Vec<&'e Place> {
        let mut edges: Vec<_> = all_edges.iter().collect();
        let position = |edges: &[&Place], place: Option<usize>| {
            let cursor = &all_edges[place?].cursor;
            edges.iter().position(|edge| edge.cursor == *cursor)
        };
        if let Some(after_edge) = position(&edges, self.after) {
            edges.drain(..=after_edge);
        }
        if let Some(before_edge) = position(&edges, self.before) {
            edges.truncate(before_edge);
        }
        edges.retain(|edge| !edge.is_gone);
        edges
    }

    fn edges_to_return<'e>(&self, all_edges: &'e [Place]) -> Vec<&'e Place> {
        let mut edges = self.apply_cursors_to_edges(all_edges);
        if let Some(first) = self.first
            && edges.len() > first
        {
            edges.truncate(first);
        }
        if let Some(last) = self.last
            && edges.len() > last
        {
            edges.drain(..edges.len() - last);
        }
        edges
    }

    fn has_previous_page(&self, all_edges: &[Place]) -> bool {
        if let Some(last) = self.last {
            return self.apply_cursors_to_edges(all_edges).len() > last;
        }
        // Prior to what `after` leaves: its own edge, too, is one that the client does not get.
        self.after.is_some_and(|after| all_edges[..=after].iter().any(|edge| !edge.is_gone))
    }

    fn has_next_page(&self, all_edges: &[Place]) -> bool {
        if let Some(first) = self.first {
            return self.apply_cursors_to_edges(all_edges).len() > first;
        }
        self.before.is_some_and(|before| all_edges[before..].iter().any(|edge| !edge.is_gone))
    }

    fn query(&self, sort: &str, places: &[Place]) -> String {
        let numbers = [("first", self.first), ("last", self.last)];
        let cursors = [("after", self.after), ("before", self.before)];
        let numbers =
            numbers.map(|(name, number)| number.map(|number| format!("&{name}={number}")));
        let cursors = cursors
            .map(|(name, place)| place.map(|place| format!("&{name}={}", places[place].cursor)));
        format!("sort={sort}{}", numbers.into_iter().chain(cursors).flatten().collect::<String>())
    }

    /// As the server takes it: with its default and its maximum.
    fn taken(self) -> Self {
        let first = self.first.or(self.last.is_none().then_some(DEFAULT));
        Self { first: first.map(|n| n.min(MAX)), last: self.last.map(|n| n.min(MAX)), ..self }
    }

    fn crosses(&self) -> bool {
        self.after.zip(self.before).is_some_and(|(after, before)| before <= after)
    }
}

fn every_combination(places: usize) -> impl Iterator<Item = Asked> {
    let counts = [None, Some(0), Some(1), Some(2), Some(3), Some(9)];
    let positions = move || std::iter::once(None).chain((0..places).map(Some));
    counts.into_iter().flat_map(move |first| {
        counts.into_iter().flat_map(move |last| {
            positions().flat_map(move |after| {
                positions().map(move |before| Asked { first, last, after, before })
            })
        })
    })
}

async fn fetched<DB: Db>(conn: &mut DB::Connection, query: &str) -> Connection<Row> {
    let list = list();
    list.connection(query, &cursors(), ()).unwrap().fetch(ROWS, conn).await.unwrap()
}

/// The whole list, by pages, which other tests hold to be right.
async fn places<DB: Db>(conn: &mut DB::Connection, sort: &str) -> Vec<Place> {
    let (list, query) = (list(), format!("sort={sort}"));
    let pages = list.request(&query, &cursors(), ()).unwrap().stream(ROWS, conn);
    let pages: Vec<_> = pages.try_collect().await.unwrap();
    let request = list.request(&query, &cursors(), ()).unwrap();
    let place = |row: &Row| {
        let cursor = request.cursor(row).unwrap();
        Place { id: row.id, cursor, is_gone: false }
    };
    pages.iter().flat_map(|page| &page.items).map(place).collect()
}

async fn slow_every_combination_gives_what_the_specification_says<DB: Db>(
    conn: &mut DB::Connection,
) {
    for sort in ["whole", "-whole", "-day", "mixed", "-mixed", "nulls", "-nulls"] {
        filled::<DB>(conn, 5).await;
        let mut all_edges = places::<DB>(conn, sort).await;
        all_edges[3].is_gone = true;
        let gone = all_edges[3].id.as_u128();
        run::<DB>(conn, format!("delete from listed_rows where whole = {gone}")).await;
        for asked in every_combination(all_edges.len()).filter(|asked| !asked.crosses()) {
            let query = asked.query(sort, &all_edges);
            let found = fetched::<DB>(conn, &query).await;
            let asked = asked.taken();
            let expected: Vec<_> = asked.edges_to_return(&all_edges);
            let expected: Vec<_> = expected.iter().map(|place| (place.id, &place.cursor)).collect();
            let edges = found.edges.iter().map(|edge| (edge.node.id, &edge.cursor));
            assert_eq!(edges.collect::<Vec<_>>(), expected, "{sort} {asked:?}");
            let info = &found.page_info;
            assert_eq!(
                info.has_previous_page,
                asked.has_previous_page(&all_edges),
                "{sort} {asked:?}"
            );
            assert_eq!(info.has_next_page, asked.has_next_page(&all_edges), "{sort} {asked:?}");
            assert_eq!(info.start_cursor.as_ref(), expected.first().map(|(_, cursor)| *cursor));
            assert_eq!(info.end_cursor.as_ref(), expected.last().map(|(_, cursor)| *cursor));
        }
    }
}

/// The algorithm would drop a `before` that it does not find behind `after`, and so give rows that
/// the client has said it does not want.
async fn where_the_bounds_cross_there_is_nothing_between_them<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 4).await;
    for sort in ["-whole", "mixed", "nulls"] {
        let places = places::<DB>(conn, sort).await;
        for asked in every_combination(places.len()).filter(Asked::crosses) {
            let found = fetched::<DB>(conn, &asked.query(sort, &places)).await;
            assert!(found.edges.is_empty(), "{sort} {asked:?}");
            let asked = asked.taken();
            let next = asked.first.is_none();
            let previous = asked.last.is_none();
            let info = (found.page_info.has_next_page, found.page_info.has_previous_page);
            assert_eq!(info, (next, previous), "{sort} {asked:?}");
        }
    }
}

async fn a_connection_is_one_statement<DB: Db>(conn: &mut DB::Connection) {
    let counted = Counted::new::<DB>("connections");
    create::<DB>(conn, counted.table).await;
    insert::<DB>(conn, counted.table, &(1..=9).map(row).collect::<Vec<_>>()).await;
    let base = counted.rows();
    let (list, cursors) = (list(), cursors());
    for sort in ["whole", "mixed", "nulls"] {
        let cursor = |number| {
            let request = list.request(&format!("sort={sort}"), &cursors, ()).unwrap();
            request.cursor(&row(number)).unwrap()
        };
        let bounds = format!("sort={sort}&after={}&before={}", cursor(2), cursor(5));
        for query in
            [bounds.clone(), format!("{bounds}&last=1"), format!("{bounds}&first=3&last=1")]
        {
            counted.take();
            let request = list.connection(&query, &cursors, ()).unwrap();
            request.fetch(base, &mut *conn).await.unwrap();
            assert_eq!(counted.take(), 1, "{query}");
            let request = list.connection(&query, &cursors, ()).unwrap().total(Count::Exact);
            let connection = request.fetch(base, &mut *conn).await.unwrap();
            assert_eq!(connection.total_count, Some(Total::Exact(9)));
            assert_eq!(counted.take(), 2, "{query}");
        }
    }
}

async fn a_connection_run_by_another_executor_is_the_same<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 5).await;
    let places = places::<DB>(conn, "nulls").await;
    for asked in every_combination(places.len()).filter(|asked| asked.first == Some(2)) {
        let query = asked.query("nulls", &places);
        let list = list();
        let plan = list.connection(&query, &cursors(), ()).unwrap().plan(ROWS);
        let mut wrapped = QueryBuilder::<DB>::new("select q.* from (");
        plan.push_to(&mut wrapped);
        wrapped.push(") q");
        let rows = DB::fetch_all(conn, wrapped, Statements::Unnamed).await.unwrap();
        assert_eq!(plan.connection(rows).unwrap(), fetched::<DB>(conn, &query).await);
        assert!(plan.count().is_none());
    }
}

async fn pages_and_connections_take_each_others_cursors<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 6).await;
    let filter = "sort=-day&text=Even";
    let connection = fetched::<DB>(conn, &format!("{filter}&first=1")).await;
    let after = format!("{filter}&after={}", connection.page_info.end_cursor.unwrap());
    let list = list();
    let request = list.request(&after, &cursors(), ()).unwrap();
    let page = request.fetch(ROWS, &mut *conn).await.unwrap();
    let connection = fetched::<DB>(conn, &after).await.map(|row| row.id);
    let nodes: Vec<_> = connection.edges.iter().map(|edge| edge.node).collect();
    assert_eq!(nodes, page.items.iter().map(|row| row.id).collect::<Vec<_>>());
    assert_eq!(connection.page_info.end_cursor, page.page_info.end_cursor);
    assert!(page.page_info.has_prev && connection.page_info.has_previous_page);
}

async fn the_json_is_the_specifications<DB: Db>(conn: &mut DB::Connection) {
    filled::<DB>(conn, 3).await;
    let (list, cursors) = (list(), cursors());
    let request = list.connection("first=1", &cursors, ()).unwrap().total(Count::UpTo(2));
    let connection = request.fetch(ROWS, conn).await.unwrap().map(|row| row.whole);
    let cursor = connection.edges[0].cursor.clone();
    assert_eq!(
        serde_json::to_value(&connection).unwrap(),
        serde_json::json!({
            "edges": [{"cursor": cursor, "node": 1}],
            "pageInfo": {
                "hasNextPage": true,
                "hasPreviousPage": false,
                "startCursor": cursor,
                "endCursor": cursor,
            },
            "totalCount": {"at_least": 2},
        }),
    );
}

#[test]
fn whatever_is_wrong_is_named() {
    let cursors = Cursors::new([7; 32]).unwrap();
    let refused = |query: &str| match list().connection(query, &cursors, ()) {
        Err(Error::Parameter { name, reason }) => (name, reason),
        other => panic!("{query}: {other:?}"),
    };
    let expected = Invalid::Value { expected: "a whole number from 0".into() };
    for name in ["first", "last"] {
        for garbage in ["-1", "", "1.5", "two", "%2B1"] {
            let query = format!("{name}={garbage}");
            assert_eq!(refused(&query), (name.to_owned(), expected.clone()), "{query}");
        }
        assert_eq!(refused(&format!("{name}=1&{name}=1")).1, Invalid::Repeated);
        let page = list().request(&format!("{name}=1"), &cursors, ()).unwrap_err();
        assert_eq!(page.field(), Some(name));
    }
    assert_eq!(refused("limit=1"), ("limit".into(), Invalid::Unknown));
    assert!(matches!(refused("after=x&before=y"), (name, Invalid::Cursor(_)) if name == "after"));
    assert!(matches!(refused("before=y"), (name, Invalid::Cursor(_)) if name == "before"));
    let first = List::new("rows", "id", |row: &Row| row.id).filter::<i64>("first", "whole", []);
    assert!(matches!(first.check(), Err(Error::Declaration { .. })));
}
