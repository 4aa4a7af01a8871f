use std::fmt;

use saas_core::sql::{Backend, Fragment, Reads};
use sqlx::{Connection, QueryBuilder};

use crate::cursor::{self, Binding, CursorError, Sealer};
use crate::error::{Error, Invalid};
use crate::filter::Predicate;
use crate::list::List;
use crate::query::{self, Query};
use crate::{Cursors, Key, Page, Plan, Scope, Value};

/// What one request asks of a [`List`], checked: which rows, in which order, from where, how many.
pub struct Request<'a, R> {
    pub(crate) keys: Vec<(&'a Key<R>, bool)>,
    pub(crate) predicates: Vec<Predicate>,
    pub(crate) position: Option<Position>,
    pub(crate) limit: u32,
    sealer: Sealer,
}

/// Where a page begins: strictly after the row that had these keys, whether or not it is still
/// there, or strictly before it, walking backward.
#[derive(Debug, Clone)]
pub(crate) struct Position {
    pub(crate) values: Vec<Value>,
    pub(crate) backward: bool,
}

impl<'a, R> Request<'a, R> {
    pub(crate) fn parse(
        list: &'a List<R>,
        query: &str,
        cursors: &Cursors,
        scope: &Scope,
    ) -> Result<Self, Error> {
        let query = Query::read(query, list)?;
        let limit = query.limit.as_deref().map_or(Ok(None), query::limit);
        let limit = limit.map_err(|reason| Error::parameter("limit", reason))?;
        let keys = match query.sort.as_deref() {
            None => list.default_keys(),
            Some(name) => list.keys(name).ok_or_else(|| {
                let reason = Invalid::Value { expected: list.spelled_sorts() };
                Error::parameter("sort", reason)
            })?,
        };
        let mut binding = Binding::new(list.resource, scope);
        binding.sort(keys.iter().copied());
        query.predicates.iter().for_each(|predicate| binding.filter(&predicate.canonical()));

        let open = |parameter, text: &str, backward| {
            let values = cursor::open(text, cursors, &binding)
                .and_then(|values| fitting(values, &keys))
                .map_err(|reason| {
                    tracing::debug!(list = list.resource, parameter, %reason, "cursor refused");
                    Error::parameter(parameter, Invalid::Cursor(reason))
                })?;
            Ok(Some(Position { values, backward }))
        };
        let position = match (query.after.as_deref(), query.before.as_deref()) {
            (Some(_), Some(_)) => return Err(Error::parameter("before", Invalid::AfterAndBefore)),
            (Some(after), None) => open("after", after, false)?,
            (None, Some(before)) => open("before", before, true)?,
            (None, None) => None,
        };
        Ok(Self {
            limit: limit.unwrap_or(list.default_limit).min(list.max_limit),
            sealer: Sealer::new(cursors, &binding),
            keys,
            predicates: query.predicates,
            position,
        })
    }

    /// How many rows the page has at most.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The cursor of one row of this list, under this request's sort, filters and scope.
    ///
    /// # Errors
    /// [`Error::KeyTooLong`] if the row's sort keys do not fit into a cursor.
    pub fn cursor(&self, row: &R) -> Result<String, Error> {
        let values: Vec<_> = self.keys.iter().map(|(key, _)| (key.read)(row)).collect();
        self.sealer.seal(&values)
    }

    /// The page of `base`, a select without `order by` and `limit`; in one statement, on any
    /// connection or transaction. The database is the connection's.
    ///
    /// # Errors
    /// [`Error::Database`] if the statement fails or a row does not decode.
    pub async fn fetch<C, DB>(self, base: impl Fragment<DB>, conn: &mut C) -> Result<Page<R>, Error>
    where
        C: Connection<Database = DB>,
        DB: Backend<Connection = C> + Reads<R>,
    {
        let plan = self.plan(base);
        let statements = Fragment::<DB>::statements(&plan);
        let mut query = QueryBuilder::new("");
        Fragment::<DB>::push_to(&plan, &mut query);
        let rows = DB::fetch_all(conn, query, statements).await.map_err(Error::Database)?;
        plan.page(rows)
    }

    /// The statement, for an executor that takes a [`Fragment`]; [`Plan::page`] makes the page of
    /// its rows.
    pub fn plan<F>(self, base: F) -> Plan<'a, R, F> {
        Plan { request: self, base }
    }
}

/// The binding holds the keys' columns and kinds, so a cursor that does not fit was sealed by a
/// program that contradicts itself. It gets the client's answer rather than the database's.
fn fitting<R>(values: Vec<Value>, keys: &[(&Key<R>, bool)]) -> Result<Vec<Value>, CursorError> {
    let fits = |(value, (key, _)): (&Value, &(&Key<R>, bool))| match value {
        Value::Null => key.nullable,
        value => value.is_a(key.kind),
    };
    let fits = values.len() == keys.len() && values.iter().zip(keys).all(fits);
    if fits { Ok(values) } else { Err(CursorError::Malformed) }
}

impl<R> fmt::Debug for Request<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("keys", &self.keys)
            .field("predicates", &self.predicates)
            .field("position", &self.position)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
