use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use saas_core::schema::Dialect;
use saas_core::sql::{Backend, Fragment, Reads, Statements};
use sqlx::{ColumnIndex, QueryBuilder, Row, ValueRef};

use crate::counting::Counting;
use crate::error::Error;
use crate::request::Request;
use crate::seek::{At, Shape, seek};
use crate::statement::{Bounded, Statement};
use crate::{Nulls, Page, PageInfo, Value};

/// The statement of one page, ready for any executor that takes a [`Fragment`].
///
/// ```text
/// let plan = INVOICES.request(query, &app.cursors, tenant)?.plan(base);
/// let rows = db.read(tenant).fetch_all(&plan).await?;
/// let page = plan.page(rows)?;
/// ```
pub struct Plan<'a, R, F> {
    pub(crate) request: Request<'a, R>,
    pub(crate) base: F,
}

impl<DB, R, F> Fragment<DB> for Plan<'_, R, F>
where
    DB: Backend,
    F: Fragment<DB>,
{
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        let window = &self.request.window;
        let mut page = self.statement::<DB>(window.from.as_deref(), false);
        if !window.probes {
            page.seek.probe.clear();
        }
        match window.until.as_deref() {
            None => page.push_to(query),
            until => Bounded { page, end: self.statement(until, true) }.push_to(query),
        }
    }

    fn statements(&self) -> Statements {
        self.base.statements()
    }
}

impl<R, F> Plan<'_, R, F> {
    /// The walk from a position, or back from it.
    fn statement<'s, DB>(&'s self, at: Option<&'s [Value]>, back: bool) -> Statement<'s, DB>
    where
        DB: Backend,
        F: Fragment<DB>,
    {
        let Request { keys, predicates, window, .. } = &self.request;
        // Walking backward is walking the reversed list.
        let shapes = keys.iter().map(|(key, descending)| Shape {
            descending: *descending != window.backward,
            nulls_first: (key.nulls == Nulls::First) != window.backward,
            nullable: key.nullable,
        });
        let shapes: Vec<_> = shapes.collect();
        let values = at.unwrap_or_default();
        let nulls: Vec<_> = values.iter().map(|value| is_null(value, DB::DIALECT)).collect();
        let at = at.is_some().then_some(At { nulls: &nulls, backward: back });
        Statement {
            base: &self.base,
            columns: keys.iter().map(|(key, _)| key.column).collect(),
            predicates,
            values,
            // One row more than the page has tells whether another follows.
            limit: window.limit + 1,
            seek: seek(&shapes, at, DB::DIALECT),
        }
    }
}

/// Differs: SQLite has no NaN and stores NULL in its place.
fn is_null(value: &Value, dialect: Dialect) -> bool {
    match value {
        Value::Null => true,
        Value::F64(number) => number.is_nan() && dialect == Dialect::Sqlite,
        _ => false,
    }
}

impl<R, F> Plan<'_, R, F> {
    /// The page, from all rows of this statement in their order. Its total is `None`; an executor
    /// that is asked for one runs [`Plan::count`] beside.
    ///
    /// # Errors
    /// [`Error::Database`] if a row does not decode.
    pub fn page<W>(&self, rows: Vec<W>) -> Result<Page<R>, Error>
    where
        W: Row<Database: Backend<Row = W> + Reads<R>>,
    {
        let Stretch { items, more, behind } = self.stretch(rows)?;
        let backward = self.request.window.backward;
        let (has_next, has_prev) = if backward { (behind, more) } else { (more, behind) };
        let cursor = |row: Option<&R>| row.map(|row| self.request.cursor(row)).transpose();
        let (start_cursor, end_cursor) = (cursor(items.first())?, cursor(items.last())?);
        let page_info = PageInfo { has_next, has_prev, start_cursor, end_cursor };
        Ok(Page { items, page_info, total: None })
    }

    /// The statement that counts the list, if the request asked for a total:
    ///
    /// ```text
    /// let mut page = plan.page(db.read(tenant).fetch_all(&plan).await?)?;
    /// if let Some(count) = plan.count() {
    ///     page.total = Some(count.total(db.read(tenant).fetch_all(&count).await?)?);
    /// }
    /// ```
    pub fn count(&self) -> Option<Counting<'_, F>> {
        let Request { predicates, count, .. } = &self.request;
        count.map(|count| Counting { base: &self.base, predicates, count })
    }

    /// Whether so many rows of this statement are all that the list has.
    pub(crate) fn is_whole(&self, rows: usize) -> bool {
        let window = &self.request.window;
        window.is_open() && u32::try_from(rows).is_ok_and(|rows| rows <= window.limit)
    }

    /// Reads the rows of this statement.
    pub(crate) fn stretch<W>(&self, rows: Vec<W>) -> Result<Stretch<R>, Error>
    where
        W: Row<Database: Backend<Row = W> + Reads<R>>,
    {
        let window = &self.request.window;
        let limit = usize::try_from(window.limit).unwrap_or(usize::MAX);
        let is_bounded = window.until.is_some();
        let mut items = Vec::with_capacity(limit.min(rows.len()));
        let (mut more, mut found) = (false, false);
        for row in rows {
            if window.probes && is_marked(&row, FromEnd(usize::from(is_bounded)))? {
                found = true;
            } else if is_bounded && is_marked(&row, FromEnd(0))? {
                // Beyond the second position, as all that follow are.
            } else if items.len() == limit {
                more = true;
            } else {
                items.push(read(&row)?);
            }
        }
        if window.backward {
            items.reverse();
        }
        // Without a probe there is what the walk came past.
        let behind = if window.probes { found } else { window.from.is_some() };
        Ok(Stretch { items, more, behind })
    }
}

/// What one statement read.
pub(crate) struct Stretch<R> {
    /// The rows in the list's order, no more than the limit.
    pub(crate) items: Vec<R>,
    /// Whether the walk would find another.
    pub(crate) more: bool,
    /// Whether there is one where it came from.
    pub(crate) behind: bool,
}

/// sqlx panics at a moment or a date that chrono cannot hold, PostgreSQL's `infinity` among them:
/// such a row is an error like any other that does not decode.
fn read<W, R>(row: &W) -> Result<R, Error>
where
    W: Row<Database: Backend<Row = W> + Reads<R>>,
{
    let read = AssertUnwindSafe(|| <W::Database as Reads<R>>::read(row));
    let unreadable = |_| Err(sqlx::Error::Decode("a value is out of its Rust type's range".into()));
    catch_unwind(read).unwrap_or_else(unreadable).map_err(Error::Database)
}

fn is_marked<W: Row>(row: &W, mark: FromEnd) -> Result<bool, Error> {
    let mark = row.try_get_raw(mark).map_err(Error::Database)?;
    Ok(!mark.is_null())
}

/// A column counted from the last, since one can be found by name only where the database is known.
#[derive(Debug)]
struct FromEnd(usize);

impl<W: Row> ColumnIndex<W> for FromEnd {
    fn index(&self, row: &W) -> Result<usize, sqlx::Error> {
        let len = row.len();
        len.checked_sub(1 + self.0)
            .ok_or(sqlx::Error::ColumnIndexOutOfBounds { index: self.0, len })
    }
}

impl<R, F> fmt::Debug for Plan<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("request", &self.request).finish_non_exhaustive()
    }
}
