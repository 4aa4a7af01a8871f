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
