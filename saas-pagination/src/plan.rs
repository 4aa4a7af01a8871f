use std::fmt;

use saas_core::schema::Dialect;
use saas_core::sql::{Backend, Fragment, Reads, Statements};
use sqlx::{ColumnIndex, QueryBuilder, Row, ValueRef};

use crate::error::Error;
use crate::request::{Position, Request};
use crate::seek::{At, Shape, seek};
use crate::statement::Statement;
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
        let Request { keys, predicates, position, limit, .. } = &self.request;
        let shapes: Vec<_> = keys
            .iter()
            .map(|(key, descending)| Shape {
                descending: *descending,
                nulls_first: key.nulls == Nulls::First,
                nullable: key.nullable,
            })
            .collect();
        let values = position.as_ref().map_or(&[][..], |position| &position.values);
        let nulls: Vec<_> = values.iter().map(|value| is_null(value, DB::DIALECT)).collect();
        let at = |position: &Position| At { nulls: &nulls, backward: position.backward };
        Statement {
            base: &self.base,
            columns: keys.iter().map(|(key, _)| key.column).collect(),
            predicates,
            values,
            // One row more than the page has tells whether another follows.
            limit: limit + 1,
            seek: seek(&shapes, position.as_ref().map(at), DB::DIALECT),
        }
        .push_to(query);
    }

    fn statements(&self) -> Statements {
        self.base.statements()
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
    /// The page, from all rows of this statement in their order.
    ///
    /// # Errors
    /// [`Error::Database`] if a row does not decode.
    pub fn page<W>(&self, rows: Vec<W>) -> Result<Page<R>, Error>
    where
        W: Row<Database: Backend<Row = W> + Reads<R>>,
    {
        let limit = usize::try_from(self.request.limit).unwrap_or(usize::MAX);
        let mut items = Vec::with_capacity(limit.min(rows.len()));
        let (mut behind, mut ahead) = (false, false);
        for row in rows {
            if self.request.position.is_some() && is_probe(&row)? {
                behind = true;
            } else if items.len() == limit {
                ahead = true;
            } else {
                items.push(<W::Database as Reads<R>>::read(&row).map_err(Error::Database)?);
            }
        }
        let backward = self.request.position.as_ref().is_some_and(|position| position.backward);
        if backward {
            items.reverse();
        }
        let (has_next, has_prev) = if backward { (behind, ahead) } else { (ahead, behind) };
        let cursor = |row: Option<&R>| row.map(|row| self.request.cursor(row)).transpose();
        let (start_cursor, end_cursor) = (cursor(items.first())?, cursor(items.last())?);
        Ok(Page { items, page_info: PageInfo { has_next, has_prev, start_cursor, end_cursor } })
    }
}

fn is_probe<W: Row>(row: &W) -> Result<bool, Error> {
    let mark = row.try_get_raw(LastColumn).map_err(Error::Database)?;
    Ok(!mark.is_null())
}

/// By its place, since a column can be found by name only where the database is known.
#[derive(Debug)]
struct LastColumn;

impl<W: Row> ColumnIndex<W> for LastColumn {
    fn index(&self, row: &W) -> Result<usize, sqlx::Error> {
        row.len().checked_sub(1).ok_or(sqlx::Error::ColumnIndexOutOfBounds { index: 0, len: 0 })
    }
}

impl<R, F> fmt::Debug for Plan<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("request", &self.request).finish_non_exhaustive()
    }
}
