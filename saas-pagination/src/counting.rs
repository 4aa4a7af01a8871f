use std::fmt;

use saas_core::sql::{Backend, Fragment, Reads, Statements};
use sqlx::{QueryBuilder, Row};

use crate::filter::Predicate;
use crate::statement::{CountStatement, estimate};
use crate::{Count, Error, Total};

/// The statement that counts a list, ready for any executor that takes a [`Fragment`]; from
/// [`Plan::count`](crate::Plan::count).
pub struct Counting<'p, F> {
    pub(crate) base: &'p F,
    pub(crate) predicates: &'p [Predicate],
    pub(crate) count: Count,
}

impl<DB, F> Fragment<DB> for Counting<'_, F>
where
    DB: Backend,
    F: Fragment<DB>,
{
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        let Self { base, predicates, count } = self;
        CountStatement { base, predicates, count: count.on(DB::DIALECT) }.push_to(query);
    }

    fn statements(&self) -> Statements {
        self.base.statements()
    }
}

impl<F> Counting<'_, F> {
    /// The total, from all rows of this statement.
    ///
    /// # Errors
    /// [`Error::Database`] if there is no row, or none that a count would give.
    pub fn total<W>(&self, rows: Vec<W>) -> Result<Total, Error>
    where
        W: Row<Database: Backend<Row = W>>,
    {
        let count = self.count.on(<W::Database as Backend>::DIALECT);
        rows.into_iter()
            .next()
            .ok_or(sqlx::Error::RowNotFound)
            .and_then(|row| number(count, &row))
            .map(|number| count.total(number))
            .map_err(Error::Database)
    }
}

fn number<W>(count: Count, row: &W) -> Result<u64, sqlx::Error>
where
    W: Row<Database: Backend<Row = W>>,
{
    if count == Count::Estimated {
        let (plan,) = <W::Database as Reads<(String,)>>::read(row)?;
        return estimate(&plan).ok_or_else(|| sqlx::Error::Protocol("a plan without rows".into()));
    }
    let (number,) = <W::Database as Reads<(i64,)>>::read(row)?;
    Ok(number.unsigned_abs())
}

impl<F> fmt::Debug for Counting<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counting").field("count", &self.count).finish_non_exhaustive()
    }
}
