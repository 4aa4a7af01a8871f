use std::fmt;

use saas_core::sql::{Backend, Fragment, Reads, Statements};
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, Row};

use crate::counting::Counting;
use crate::list::List;
use crate::plan::Stretch;
use crate::query::{self, Query, Style};
use crate::run;
use crate::window::Window;
use crate::{Count, Cursors, Error, Plan, Request, Scope, Total};

/// One connection of a list, as the
/// [GraphQL Cursor Connections Specification](https://relay.dev/graphql/connections.htm) has it.
///
/// As JSON: `{"edges": [{"cursor", "node"}], "pageInfo": {"hasNextPage", …}}`, with `"totalCount"`
/// beside them where one was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Connection<T> {
    /// The rows, always in the list's order.
    pub edges: Vec<Edge<T>>,
    /// Where they stand in the list.
    pub page_info: ConnectionInfo,
    /// How many rows the whole list has; only if `ConnectionRequest::total` asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub total_count: Option<Total>,
}

/// A row of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Edge<T> {
    /// Its cursor, which `after` and `before` take, those of a page's request too.
    pub cursor: String,
    /// The row.
    pub node: T,
}

/// Where a connection stands in its list; what the specification calls `PageInfo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// With `first`: whether it left out edges. Otherwise whether rows follow those before `before`.
    pub has_next_page: bool,
    /// With `last`: whether it left out edges. Otherwise whether rows stand before those after
    /// `after`.
    pub has_previous_page: bool,
    /// The first edge's cursor. Null without edges.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub start_cursor: Option<String>,
    /// The last edge's cursor. Null without edges.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub end_cursor: Option<String>,
}

impl<T> Connection<T> {
    /// The same connection of other nodes.
    pub fn map<U>(self, mut convert: impl FnMut(T) -> U) -> Connection<U> {
        let edges = self.edges.into_iter();
        Connection {
            edges: edges
                .map(|Edge { cursor, node }| Edge { cursor, node: convert(node) })
                .collect(),
            page_info: self.page_info,
            total_count: self.total_count,
        }
    }
}

/// What one request asks of a [`List`] in the terms of the Cursor Connections Specification.
pub struct ConnectionRequest<'a, R> {
    request: Request<'a, R>,
    counts: Counts,
}

/// How many edges are asked for, from either end.
#[derive(Debug, Clone, Copy)]
struct Counts {
    first: Option<u32>,
    last: Option<u32>,
}

impl<'a, R> ConnectionRequest<'a, R> {
    pub(crate) fn parse(
        list: &'a List<R>,
        query: &str,
        cursors: &Cursors,
        scope: &Scope,
    ) -> Result<Self, Error> {
        let query = Query::read(query, list, Style::Connection)?;
        let clamped = |count: u32| count.min(list.max_limit);
        let first = query::number("first", query.first.as_deref())?.map(clamped);
        let last = query::number("last", query.last.as_deref())?.map(clamped);
        let first = if last.is_none() { first.or(Some(list.default_limit)) } else { first };
        let window = |after, before| Window::connection(first, last, after, before);
        let request = Request::resolve(list, query, cursors, scope, window)?;
        Ok(Self { request, counts: Counts { first, last } })
    }

    /// Has the whole list counted; see [`Request::total`].
    #[must_use]
    pub fn total(mut self, count: Count) -> Self {
        self.request = self.request.total(count);
        self
    }

    /// The connection over `base`, in one statement; see [`Request::fetch`].
    ///
    /// # Errors
    /// As [`Request::fetch`]; [`Error::KeyTooLong`] if the sort keys of any row do not fit into a
    /// cursor, for every edge has one.
    pub async fn fetch<C, DB>(
        self,
        base: impl Fragment<DB>,
        conn: &mut C,
    ) -> Result<Connection<R>, Error>
    where
        C: sqlx::Connection<Database = DB>,
        DB: Backend<Connection = C> + Reads<R>,
    {
        let plan = self.plan(base);
        let (rows, total_count) = run::fetch::<DB, _, _>(conn, &plan.plan).await?;
        Ok(Connection { total_count, ..plan.connection(rows)? })
    }

    /// The statement, for an executor that takes a [`Fragment`]; see [`Request::plan`].
    pub fn plan<F>(self, base: F) -> ConnectionPlan<'a, R, F> {
        ConnectionPlan { plan: self.request.plan(base), counts: self.counts }
    }
}

/// The statement of one connection, ready for any executor that takes a [`Fragment`].
pub struct ConnectionPlan<'a, R, F> {
    plan: Plan<'a, R, F>,
    counts: Counts,
}

impl<DB, R, F> Fragment<DB> for ConnectionPlan<'_, R, F>
where
    DB: Backend,
    F: Fragment<DB>,
{
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        self.plan.push_to(query);
    }

    fn statements(&self) -> Statements {
        self.plan.statements()
    }
}

impl<R, F> ConnectionPlan<'_, R, F> {
    /// The connection, from all rows of this statement in their order.
    ///
    /// # Errors
    /// As [`Plan::page`]; [`Error::KeyTooLong`] if the sort keys of any row do not fit into a cursor.
    pub fn connection<W>(&self, rows: Vec<W>) -> Result<Connection<R>, Error>
    where
        W: Row<Database: Backend<Row = W> + Reads<R>>,
    {
        let request = &self.plan.request;
        let slice = self.counts.slice(self.plan.stretch(rows)?, request.window.backward);
        let edges = slice.items.into_iter();
        let edges = edges.map(|node| Ok(Edge { cursor: request.cursor(&node)?, node }));
        let edges: Vec<_> = edges.collect::<Result<_, Error>>()?;
        let cursor = |edge: Option<&Edge<R>>| edge.map(|edge| edge.cursor.clone());
        let page_info = ConnectionInfo {
            has_next_page: slice.has_next,
            has_previous_page: slice.has_prev,
            start_cursor: cursor(edges.first()),
            end_cursor: cursor(edges.last()),
        };
        Ok(Connection { edges, page_info, total_count: None })
    }

    /// The statement that counts the list, if a total is asked for; see [`Plan::count`].
    pub fn count(&self) -> Option<Counting<'_, F>> {
        self.plan.count()
    }
}

/// The edges to return.
struct Slice<R> {
    items: Vec<R>,
    has_next: bool,
    has_prev: bool,
}

impl Counts {
    /// What the specification's algorithm makes of the edges between the cursors, of which the walk
    /// brought as many as `first` and `last` can ask for.
    fn slice<R>(self, stretch: Stretch<R>, backward: bool) -> Slice<R> {
        let Stretch { mut items, more, behind } = stretch;
        let size = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let leaves_out = |count: u32| more || items.len() > size(count);
        // Behind a walk is the side it came from: what is before `after`, or what follows `before`.
        let has_next = self.first.map_or(backward && behind, leaves_out);
        let has_prev = self.last.map_or(!backward && behind, leaves_out);
        items.truncate(self.first.map_or(usize::MAX, size));
        if let Some(last) = self.last {
            items.drain(..items.len().saturating_sub(size(last)));
        }
        Slice { items, has_next, has_prev }
    }
}

impl<R> fmt::Debug for ConnectionRequest<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionRequest")
            .field("request", &self.request)
            .field("counts", &self.counts)
            .finish()
    }
}

impl<R, F> fmt::Debug for ConnectionPlan<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionPlan")
            .field("plan", &self.plan)
            .field("counts", &self.counts)
            .finish()
    }
}
