//! What a column's own methods make: conditions on its values.

use std::marker::PhantomData;

use sqlx::{Database, QueryBuilder};

use super::{Binds, Condition, Fragment};
use crate::schema::quoted;
use crate::{Column, Entity, Nullability, Nullable};

/// `column <operator> value`; made by [`Column`]'s methods.
#[derive(Debug, Clone)]
pub struct Compare<E, T> {
    column: &'static str,
    operator: &'static str,
    value: T,
    of: PhantomData<fn() -> E>,
}

/// `column in (values)`; made by [`Column::is_in`].
#[derive(Debug, Clone)]
pub struct InList<E, T> {
    column: &'static str,
    values: Vec<T>,
    of: PhantomData<fn() -> E>,
}

/// `column is [not] null`; made by [`Column::is_null`].
#[derive(Debug, Clone)]
pub struct IsNull<E> {
    column: &'static str,
    null: bool,
    of: PhantomData<fn() -> E>,
}

/// `column like pattern`, the value's own wildcards escaped; made by [`Column::starts_with`].
#[derive(Debug, Clone)]
pub struct Like<E> {
    column: &'static str,
    pattern: String,
    of: PhantomData<fn() -> E>,
}

impl<E: Entity, T, N: Nullability> Column<E, T, N> {
    fn compare(self, operator: &'static str, value: impl Into<T>) -> Compare<E, T> {
        Compare { column: self.name(), operator, value: value.into(), of: PhantomData }
    }

    /// Equal. A NULL column is equal to nothing; see [`Column::is_null`].
    pub fn eq(self, value: impl Into<T>) -> Compare<E, T> {
        self.compare(" = ", value)
    }

    /// Not equal. A NULL column is unequal to nothing.
    pub fn ne(self, value: impl Into<T>) -> Compare<E, T> {
        self.compare(" <> ", value)
    }

    /// Less.
    pub fn lt(self, value: impl Into<T>) -> Compare<E, T> {
        self.compare(" < ", value)
    }

    /// Less or equal.
    pub fn le(self, value: impl Into<T>) -> Compare<E, T> {
        self.compare(" <= ", value)
    }

    /// Greater.
    pub fn gt(self, value: impl Into<T>) -> Compare<E, T> {
        self.compare(" > ", value)
    }

    /// Greater or equal.
    pub fn ge(self, value: impl Into<T>) -> Compare<E, T> {
        self.compare(" >= ", value)
    }

    /// One of the values; no value, no row.
    pub fn is_in<V: Into<T>>(self, values: impl IntoIterator<Item = V>) -> InList<E, T> {
        let values = values.into_iter().map(Into::into).collect();
        InList { column: self.name(), values, of: PhantomData }
    }
}

impl<E: Entity, T> Column<E, T, Nullable> {
    /// NULL.
    pub fn is_null(self) -> IsNull<E> {
        IsNull { column: self.name(), null: true, of: PhantomData }
    }

    /// Not NULL.
    pub fn is_not_null(self) -> IsNull<E> {
        IsNull { column: self.name(), null: false, of: PhantomData }
    }
}

impl<E: Entity, N: Nullability> Column<E, String, N> {
    /// Begins with `text`; `%` and `_` in it stand for themselves.
    ///
    /// Case matters on PostgreSQL; SQLite's `like` ignores the case of ASCII letters.
    pub fn starts_with(self, text: &str) -> Like<E> {
        Like { column: self.name(), pattern: format!("{}%", escape(text)), of: PhantomData }
    }

    /// Ends with `text`, likewise. No index helps here.
    pub fn ends_with(self, text: &str) -> Like<E> {
        Like { column: self.name(), pattern: format!("%{}", escape(text)), of: PhantomData }
    }

    /// Contains `text`, likewise. No index helps here.
    pub fn contains(self, text: &str) -> Like<E> {
        Like { column: self.name(), pattern: format!("%{}%", escape(text)), of: PhantomData }
    }
}

/// Up to here the length of a list is rounded up to a power of two. Longer ones are rare, and would
/// come close to the number of parameters that SQLite takes.
const PADDED: usize = 1024;

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, letter| {
        if matches!(letter, '%' | '_' | '\\') {
            out.push('\\');
        }
        out.push(letter);
        out
    })
}

/// The column with its table, so that it means the same inside a join.
fn push_column<DB: Database, E: Entity>(query: &mut QueryBuilder<DB>, column: &'static str) {
    query.push(quoted(E::TABLE)).push(".").push(quoted(column));
}

impl<E, T> Condition for Compare<E, T> {
    type Entity = E;
}
impl<DB: Binds<T>, E: Entity, T: Send + Sync> Fragment<DB> for Compare<E, T> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        push_column::<DB, E>(query, self.column);
        query.push(self.operator);
        DB::push_bind(query, &self.value);
    }
}

impl<E, T> Condition for InList<E, T> {
    type Entity = E;
}
impl<DB: Binds<T>, E: Entity, T: Send + Sync> Fragment<DB> for InList<E, T> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        if self.values.is_empty() {
            query.push("1 = 0");
            return;
        }
        push_column::<DB, E>(query, self.column);
        // The last value is said again until the list has one of few lengths: else every number of
        // values would be a statement of its own, prepared and kept on every connection.
        let count = self.values.len();
        let padded = if count <= PADDED { count.next_power_of_two() } else { count };
        let last = self.values.last().into_iter().cycle();
        for (index, value) in self.values.iter().chain(last).take(padded).enumerate() {
            query.push(if index == 0 { " in (" } else { ", " });
            DB::push_bind(query, value);
        }
        query.push(")");
    }
}

impl<E> Condition for IsNull<E> {
    type Entity = E;
}
impl<DB: Database, E: Entity> Fragment<DB> for IsNull<E> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        push_column::<DB, E>(query, self.column);
        query.push(if self.null { " is null" } else { " is not null" });
    }
}

impl<E> Condition for Like<E> {
    type Entity = E;
}
impl<DB: Binds<String>, E: Entity> Fragment<DB> for Like<E> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        push_column::<DB, E>(query, self.column);
        query.push(" like ");
        <DB as Binds<String>>::push_bind(query, &self.pattern);
        query.push(r" escape '\'");
    }
}
