use std::fmt;

use saas_core::schema::Dialect;
use saas_core::sql::{Backend, Fragment, Reads, Statements};
use sqlx::{QueryBuilder, Row};

use crate::counting::Counting;
use crate::error::Error;
use crate::request::Request;
use crate::row::{At, Compared, is_null};
use crate::seek::{self, Shape, seek};
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
        let nulls: Vec<_> =
            values.iter().map(|value| is_stored_as_null(value, DB::DIALECT)).collect();
        let at = at.is_some().then_some(seek::At { nulls: &nulls, backward: back });
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
fn is_stored_as_null(value: &Value, dialect: Dialect) -> bool {
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
    /// [`Error::Database`] if a row does not decode; [`Error::KeyColumn`] if the database sees
    /// something else in a row's sort keys than the list says; [`Error::KeyTooLong`] if a page follows
    /// and no row of this one has sort keys that fit into a cursor.
    pub fn page<W>(&self, rows: Vec<W>) -> Result<Page<R>, Error>
    where
        W: Row<Database: Backend<Row = W> + Reads<R>>,
    {
        let mut stretch = self.stretch(rows)?;
        if stretch.more {
            self.end_where_a_cursor_fits(&mut stretch.items)?;
        }
        Ok(self.page_of(stretch))
    }

    /// The walk goes on from the page's far end, so that has a cursor.
    fn end_where_a_cursor_fits(&self, items: &mut Vec<R>) -> Result<(), Error> {
        let fits = |row: &R| self.request.has_cursor(row);
        if self.request.window.backward {
            let first = items.iter().position(fits).ok_or(Error::KeyTooLong)?;
            items.drain(..first);
        } else {
            let last = items.iter().rposition(fits).ok_or(Error::KeyTooLong)?;
            items.truncate(last + 1);
        }
        Ok(())
    }

    /// A page of these rows, with the cursors that there are.
    pub(crate) fn page_of(&self, stretch: Stretch<R>) -> Page<R> {
        let Stretch { items, more, behind } = stretch;
        let backward = self.request.window.backward;
        let (has_next, has_prev) = if backward { (behind, more) } else { (more, behind) };
        let cursor = |row: Option<&R>| row.and_then(|row| self.request.cursor(row).ok());
        let (start_cursor, end_cursor) = (cursor(items.first()), cursor(items.last()));
        let page_info = PageInfo { has_next, has_prev, start_cursor, end_cursor };
        Page { items, page_info, total: None }
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

    /// What the walk compares, and where it stands in rows like this one.
    fn compared<W: Row>(&self, row: &W) -> Vec<(Compared, usize)> {
        let Request { keys, as_of, .. } = &self.request;
        let keys = keys.iter().map(|(key, _)| Compared::key(key));
        let as_of = as_of.map(|(column, _)| Compared::as_of(column));
        keys.chain(as_of).filter_map(|column| column.find(row)).collect()
    }

    /// Whether the first row of the walk lies beyond the position that it began at. A row that equals
    /// it does not: a client would be given the same page for ever.
    fn check_beyond(&self, first: Option<&R>) -> Result<(), Error> {
        let Request { keys, window, .. } = &self.request;
        let (Some(row), Some(from), [(key, _), ..]) = (first, &window.from, &keys[..]) else {
            return Ok(());
        };
        if self.request.values(row) != *from {
            return Ok(());
        }
        let mistake = "or another key is compared by the database otherwise than it is read: what \
                       the key's closure gives is not what the column holds";
        Err(Error::KeyColumn { column: key.column, mistake })
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
        let compared = rows.first().map(|row| self.compared(row)).unwrap_or_default();
        let (mut more, mut found) = (false, false);
        for row in rows {
            for (column, index) in &compared {
                column.check::<W::Database>(&row, *index)?;
            }
            if window.probes && is_marked(&row, At::End(usize::from(is_bounded)))? {
                found = true;
            } else if is_bounded && is_marked(&row, At::End(0))? {
                // Beyond the second position, as all that follow are.
            } else if items.len() == limit {
                more = true;
            } else {
                <W::Database as Backend>::check_moments(&row).map_err(Error::Database)?;
                items.push(<W::Database as Reads<R>>::read(&row).map_err(Error::Database)?);
            }
        }
        self.check_beyond(items.first())?;
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

/// A mark is a column that is NULL in other rows.
fn is_marked<W: Row>(row: &W, mark: At) -> Result<bool, Error> {
    Ok(!is_null(row, mark)?)
}

impl<R, F> fmt::Debug for Plan<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("request", &self.request).finish_non_exhaustive()
    }
}
