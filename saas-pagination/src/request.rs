use std::fmt;

use chrono::{DateTime, Utc};
use saas_core::sql::{Backend, Fragment, Reads};
use sqlx::Connection;

use crate::cursor::{self, Binding, CursorError, Sealer};
use crate::error::{Error, Invalid};
use crate::filter::{Operator, Predicate, Target};
use crate::list::List;
use crate::query::{self, Query, Style};
use crate::run;
use crate::window::Window;
use crate::{Count, Cursors, Key, Page, Plan, Scope, Value};

/// What one request asks of a [`List`], checked: which rows, in which order, from where, how many.
pub struct Request<'a, R> {
    pub(crate) keys: Vec<(&'a Key<R>, bool)>,
    pub(crate) predicates: Vec<Predicate>,
    pub(crate) window: Window,
    pub(crate) count: Option<Count>,
    /// When the walk began, if the list keeps later rows out of it, and by which column.
    pub(crate) as_of: Option<(&'static str, DateTime<Utc>)>,
    sealer: Sealer,
}

impl<'a, R> Request<'a, R> {
    pub(crate) fn parse(
        list: &'a List<R>,
        query: &str,
        cursors: &Cursors,
        scope: &Scope,
    ) -> Result<Self, Error> {
        let query = Query::read(query, list, Style::Page)?;
        let limit = query::number("limit", query.limit.as_deref())?;
        if query.after.is_some() && query.before.is_some() {
            return Err(Error::parameter("before", Invalid::AfterAndBefore));
        }
        // Zero asks for the default, as its absence does.
        let limit = limit.filter(|limit| *limit > 0).unwrap_or(list.default_limit);
        let window = |after, before| Window::page(limit.min(list.max_limit), after, before);
        Self::resolve(list, query, cursors, scope, window)
    }

    /// Looks up what the query names and opens its cursors.
    pub(crate) fn resolve(
        list: &'a List<R>,
        query: Query<'_>,
        cursors: &Cursors,
        scope: &Scope,
        window: impl FnOnce(Option<Vec<Value>>, Option<Vec<Value>>) -> Window,
    ) -> Result<Self, Error> {
        let keys = match query.sort.as_deref() {
            None => list.default_keys(),
            Some(name) => {
                list.keys(name).ok_or_else(|| Error::parameter("sort", list.no_such_sort()))?
            }
        };
        let mut predicates = query.predicates;
        let mut binding = Binding::new(list.resource, scope);
        binding.sort(keys.iter().copied());
        predicates.iter().for_each(|predicate| binding.filter(&predicate.canonical()));
        list.as_of.iter().for_each(|column| binding.as_of(column));

        let open = |parameter, text: Option<&str>| {
            let Some(text) = text else { return Ok((None, None)) };
            let place = cursor::open(text, cursors, &binding)
                .and_then(|values| fitting(values, &keys, list.as_of.is_some()));
            place.map(|(values, moment)| (Some(values), moment)).map_err(|reason| {
                tracing::debug!(list = list.resource, parameter, %reason, "cursor refused");
                Error::parameter(parameter, Invalid::Cursor(reason))
            })
        };
        let (after, began) = open("after", query.after.as_deref())?;
        let (before, began_too) = open("before", query.before.as_deref())?;
        // Cursors of two walks meet in the rows that both can see.
        let began = || [began, began_too].into_iter().flatten().min();
        let as_of = list.as_of.map(|column| (column, began().unwrap_or_else(|| cursors.now())));
        predicates.extend(as_of.map(|(column, moment)| up_to(column, moment)));
        Ok(Self {
            window: window(after, before),
            sealer: Sealer::new(cursors, &binding),
            as_of,
            keys,
            predicates,
            count: None,
        })
    }

    /// How many rows the page has at most.
    pub fn limit(&self) -> u32 {
        self.window.limit
    }

    /// Has the whole list counted, under the request's filters and wherever the page stands: a
    /// second statement, at its own moment. It is not run where the page is seen to be the whole
    /// list; the total is then exact.
    ///
    /// ```
    /// # use saas_core::sql::Raw;
    /// # #[derive(sqlx::FromRow)]
    /// # struct Post { id: i64 }
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use saas_pagination::{Count, Cursors, List, Total};
    ///
    /// # use sqlx::Connection;
    /// # let mut conn = sqlx::SqliteConnection::connect(":memory:").await?;
    /// # sqlx::raw_sql("create table posts (id integer primary key); insert into posts values (1), (2), (3)").execute(&mut conn).await?;
    /// # let cursors = Cursors::new([7; 32])?;
    /// let posts = List::new("posts", "id", |post: &Post| post.id);
    /// let request = posts.request("limit=1", &cursors, ())?.total(Count::UpTo(2));
    /// let page = request.fetch(Raw("select * from posts"), &mut conn).await?;
    /// assert_eq!(page.total, Some(Total::AtLeast(2)));
    /// # Ok(()) }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    #[must_use]
    pub fn total(mut self, count: Count) -> Self {
        self.count = Some(count);
        self
    }

    /// The cursor of one row of this list, under this request's sort, filters and scope.
    ///
    /// # Errors
    /// [`Error::KeyTooLong`] if the row's sort keys do not fit into a cursor.
    pub fn cursor(&self, row: &R) -> Result<String, Error> {
        self.sealer.seal(&self.sealed(row))
    }

    /// Whether the row's sort keys fit into a cursor.
    pub(crate) fn has_cursor(&self, row: &R) -> bool {
        self.sealer.fits(&self.sealed(row))
    }

    /// What a cursor holds: the row's sort keys, and the walk's moment.
    fn sealed(&self, row: &R) -> Vec<Value> {
        let mut values = self.values(row);
        values.extend(self.as_of.map(|(_, moment)| Value::Timestamp(moment)));
        values
    }

    /// The row's sort keys.
    pub(crate) fn values(&self, row: &R) -> Vec<Value> {
        self.keys.iter().map(|(key, _)| (key.read)(row)).collect()
    }

    /// The page of `base`, a select without `order by` and `limit`; in one statement, on any
    /// connection or transaction. The database is the connection's.
    ///
    /// A transaction and a pool's connection are reached through:
    ///
    /// ```no_run
    /// # use saas_core::sql::Raw;
    /// # use saas_pagination::{Cursors, List, Page};
    /// # #[derive(sqlx::FromRow)]
    /// # struct Post { id: i64 }
    /// # #[cfg(feature = "sqlite")]
    /// # async fn page(posts: &List<Post>, cursors: &Cursors, pool: sqlx::SqlitePool) -> Result<(), Box<dyn std::error::Error>> {
    /// let base = Raw("select * from posts");
    /// let request = posts.request("", cursors, ())?;
    /// let page: Page<Post> = request.fetch(base, &mut *pool.acquire().await?).await?;
    ///
    /// let mut tx = pool.begin().await?;
    /// let page: Page<Post> = posts.request("", cursors, ())?.fetch(base, &mut *tx).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// A page is shorter than asked for where the sort keys of its last row do not fit into a cursor
    /// and another page follows: it ends at the last row whose keys fit.
    ///
    /// # Errors
    /// [`Error::Database`] if the statement fails or a row does not decode;
    /// [`Error::MissingColumn`], [`Error::KeyColumn`] and [`Error::KeyTooLong`] if the list and its
    /// rows do not go together.
    pub async fn fetch<C, DB>(self, base: impl Fragment<DB>, conn: &mut C) -> Result<Page<R>, Error>
    where
        C: Connection<Database = DB>,
        DB: Backend<Connection = C> + Reads<R>,
    {
        let plan = self.plan(base);
        let (rows, total) = run::fetch::<DB, _, _>(conn, &plan).await?;
        Ok(Page { total, ..plan.page(rows)? })
    }

    /// The statement, for an executor that takes a [`Fragment`]; [`Plan::page`] makes the page of
    /// its rows.
    pub fn plan<F>(self, base: F) -> Plan<'a, R, F> {
        Plan { request: self, base }
    }
}

/// The filter that keeps later rows out of a walk.
fn up_to(column: &'static str, moment: DateTime<Utc>) -> Predicate {
    Predicate {
        field: column,
        operator: Operator::Lte,
        target: Target::Bound(column),
        values: vec![Value::Timestamp(moment)],
    }
}

/// The keys, and the walk's moment behind them if there is to be one.
///
/// The binding holds the keys' columns and kinds, so a cursor that does not fit was sealed by a
/// program that contradicts itself. It gets the client's answer rather than the database's.
fn fitting<R>(
    mut values: Vec<Value>,
    keys: &[(&Key<R>, bool)],
    has_moment: bool,
) -> Result<(Vec<Value>, Option<DateTime<Utc>>), CursorError> {
    let moment = match has_moment.then(|| values.pop()).flatten() {
        Some(Value::Timestamp(moment)) => Some(moment),
        _ => None,
    };
    let fits = |(value, (key, _)): (&Value, &(&Key<R>, bool))| match value {
        Value::Null => key.nullable,
        value => value.is_a(key.kind),
    };
    let fits = moment.is_some() == has_moment
        && values.len() == keys.len()
        && values.iter().zip(keys).all(fits);
    if fits { Ok((values, moment)) } else { Err(CursorError::Malformed) }
}

impl<R> fmt::Debug for Request<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("keys", &self.keys)
            .field("predicates", &self.predicates)
            .field("window", &self.window)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
