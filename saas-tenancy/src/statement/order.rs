//! In which order rows come.

use saas_core::{Column, Entity, Nullable};

use super::entities::Includes;
use super::select::Select;
use crate::TenantBackend;

/// The order of a sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Asc,
    /// Largest first.
    Desc,
}

/// Where a sort puts NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// Before all values.
    First,
    /// After all values.
    Last,
}

/// One column of a sort.
pub(super) struct Order {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
    pub(super) words: &'static str,
}

impl<DB: TenantBackend, E: Entity, X, J, O> Select<DB, E, X, J, O> {
    /// Sorts by a column, after those of earlier calls.
    ///
    /// A column of an entity that was not joined does not compile.
    ///
    /// NULL counts as the largest value on PostgreSQL and as the smallest on SQLite; where that
    /// matters, say it with [`order_by_nulls`](Self::order_by_nulls).
    #[must_use]
    pub fn order_by<C, T, N, At>(mut self, column: Column<C, T, N>, direction: Direction) -> Self
    where
        C: Entity,
        J: Includes<C, At>,
    {
        let words = match direction {
            Direction::Asc => "",
            Direction::Desc => " desc",
        };
        self.order.push(Order { table: C::TABLE, column: column.name(), words });
        self
    }

    /// The same by a column that can be NULL, saying where those rows go; another has none:
    ///
    /// ```compile_fail,E0308
    /// # use saas_core::{Entity, Id};
    /// # use saas_tenancy::{Direction, Nulls};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "notes", tenant)]
    /// # struct Note { id: Id<Note>, body: String, due: Option<i32> }
    /// # fn example(tx: saas_tenancy::TenantTx<sqlx::Sqlite>) {
    /// tx.select::<Note>().order_by_nulls(Note::BODY, Direction::Asc, Nulls::Last);
    /// # }
    /// ```
    #[must_use]
    pub fn order_by_nulls<C, T, At>(
        mut self,
        column: Column<C, T, Nullable>,
        direction: Direction,
        nulls: Nulls,
    ) -> Self
    where
        C: Entity,
        J: Includes<C, At>,
    {
        let words = match (direction, nulls) {
            (Direction::Asc, Nulls::First) => " nulls first",
            (Direction::Asc, Nulls::Last) => " nulls last",
            (Direction::Desc, Nulls::First) => " desc nulls first",
            (Direction::Desc, Nulls::Last) => " desc nulls last",
        };
        self.order.push(Order { table: C::TABLE, column: column.name(), words });
        self
    }
}
