use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use sqlx::{Database, QueryBuilder};

use super::Statements;

/// A piece of SQL with its values: a scoped select, a filter, a seek. It renders itself any number
/// of times, since some statements need a piece more than once.
pub trait Fragment<DB: Database>: Send + Sync {
    /// Appends the SQL and binds the values, in the order of their placeholders.
    fn push_to(&self, query: &mut QueryBuilder<DB>);

    /// How a statement that contains this piece may be prepared.
    fn statements(&self) -> Statements {
        Statements::Named
    }
}

macro_rules! fragment_by_deref {
    ($($type:ty),*) => {
        $(impl<DB: Database, F: Fragment<DB> + ?Sized> Fragment<DB> for $type {
            fn push_to(&self, query: &mut QueryBuilder<DB>) {
                (**self).push_to(query);
            }
            fn statements(&self) -> Statements {
                (**self).statements()
            }
        })*
    };
}
fragment_by_deref!(&F, Box<F>, Arc<F>);

/// Fixed SQL without values; a string literal, so that nothing from outside can get in.
///
/// It has no placeholders of its own: on PostgreSQL a `$1` in it would be whatever value the statement
/// binds first. What has values is a [`fragment`]. As a part of a statement it ends without `;`.
///
/// ```
/// use saas_core::sql::{Fragment, Raw};
/// let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new("select * from invoices where ");
/// Raw("total_minor > 0").push_to(&mut query);
/// assert_eq!(query.sql().as_str(), "select * from invoices where total_minor > 0");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Raw(pub &'static str);

impl<DB: Database> Fragment<DB> for Raw {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        query.push(self.0);
    }
}

/// A piece of SQL from a closure that writes it: what [`Raw`] is with values.
///
/// The closure runs each time the piece is rendered, which may be several times in one statement.
/// It borrows or owns what it binds, and binds clones of what is not `Copy`.
///
/// ```
/// use saas_core::sql::{self, Fragment};
/// let author = 7_i64;
/// let posts = sql::fragment(move |query| {
///     query.push("select * from posts where author = ").push_bind(author);
/// });
/// let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new("select count(*) from (");
/// posts.push_to(&mut query);
/// query.push(") as posts");
/// assert_eq!(
///     query.sql().as_str(),
///     "select count(*) from (select * from posts where author = ?) as posts",
/// );
/// ```
///
/// The database is the one that it is used on. Where it is used on none that is known, as in a
/// function's result, the closure's parameter says: `|query: &mut QueryBuilder<Postgres>|`.
pub fn fragment<DB, F>(write: F) -> FromFn<DB, F>
where
    DB: Database,
    F: Fn(&mut QueryBuilder<DB>) + Send + Sync,
{
    FromFn { write, on: PhantomData }
}

/// What [`fragment`] makes.
pub struct FromFn<DB, F> {
    write: F,
    /// Owns no database, so it crosses threads whatever that is.
    on: PhantomData<fn(DB)>,
}

impl<DB, F> Fragment<DB> for FromFn<DB, F>
where
    DB: Database,
    F: Fn(&mut QueryBuilder<DB>) + Send + Sync,
{
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        (self.write)(query);
    }
}

impl<DB, F> fmt::Debug for FromFn<DB, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}
