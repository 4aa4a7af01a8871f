use sqlx::{Database, Encode, FromRow, QueryBuilder, Type};

use crate::Entity;

/// A database that takes a `T` as a bind parameter.
///
/// Holds for whatever sqlx can encode. It is `T: Encode<DB> + Type<DB>` turned round, so that code
/// generic over the database can ask for all its types as supertraits of one trait and is spared a
/// `where` clause on every function.
pub trait Binds<T: ?Sized>: Database {
    /// Appends a placeholder and binds the value to it.
    fn push_bind(query: &mut QueryBuilder<Self>, value: &T);
}

impl<DB, T> Binds<T> for DB
where
    DB: Database,
    T: for<'q> Encode<'q, DB> + Type<DB>,
{
    fn push_bind(query: &mut QueryBuilder<Self>, value: &T) {
        query.push_bind(value);
    }
}

/// A database whose rows can be read as an `R`; holds for whatever implements sqlx's `FromRow`.
pub trait Reads<R>: Database {
    /// Decodes one row.
    fn read(row: &Self::Row) -> Result<R, sqlx::Error>;
}

impl<DB, R> Reads<R> for DB
where
    DB: Database,
    R: for<'r> FromRow<'r, DB::Row>,
{
    fn read(row: &Self::Row) -> Result<R, sqlx::Error> {
        R::from_row(row)
    }
}

/// An entity whose columns one database can bind. `#[derive(Entity)]` writes it.
pub trait Record<DB: Database>: Entity {
    /// Binds the value of `Self::COLUMNS[column]`.
    fn push_value(&self, column: usize, query: &mut QueryBuilder<DB>);
}

/// A database that takes the columns of an `E`; `E: Record<DB>` turned round.
pub trait Writes<E>: Database {
    /// Binds the value of `E::COLUMNS[column]`.
    fn push_value(entity: &E, column: usize, query: &mut QueryBuilder<Self>);
}

impl<DB: Database, E: Record<DB>> Writes<E> for DB {
    fn push_value(entity: &E, column: usize, query: &mut QueryBuilder<Self>) {
        entity.push_value(column, query);
    }
}

/// A database that both reads and writes an `E`: what code generic over the database asks for.
///
/// ```
/// use saas_core::sql::{Backend, Stores};
/// # #[derive(saas_core::Entity, sqlx::FromRow)]
/// # #[entity(table = "customers", tenant)]
/// # struct Customer { id: saas_core::Id<Customer> }
/// # #[derive(saas_core::Entity, sqlx::FromRow)]
/// # #[entity(table = "invoices", tenant)]
/// # struct Invoice { id: saas_core::Id<Invoice> }
/// /// One bound for the whole application.
/// trait Db: Backend + Stores<Customer> + Stores<Invoice> {}
/// impl<DB: Backend + Stores<Customer> + Stores<Invoice>> Db for DB {}
/// ```
pub trait Stores<E>: Reads<E> + Writes<E> {}

impl<DB, E> Stores<E> for DB where DB: Reads<E> + Writes<E> {}

/// Written by the derive macro where the feature `sqlx` is on.
#[doc(hidden)]
#[macro_export]
macro_rules! __record {
    ($entity:ident { $($index:literal => ($($value:tt)+) : $type:ty),* $(,)? }) => {
        impl<DB> $crate::sql::Record<DB> for $entity
        where
            DB: $crate::sql::Backend,
            $(DB: $crate::sql::Binds<$type>,)*
        {
            fn push_value(&self, column: usize, query: &mut $crate::sql::__private::QueryBuilder<DB>) {
                match column {
                    $($index => <DB as $crate::sql::Binds<$type>>::push_bind(query, &self.$($value)+),)*
                    // No such column: the statement then has a placeholder too few and is refused.
                    _ => {}
                }
            }
        }
    };
}
