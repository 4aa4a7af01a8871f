use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
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

    /// The type of the database that every `T` is sent as.
    fn type_info() -> Self::TypeInfo;

    /// Writes the value alone, as an element of an array.
    ///
    /// # Errors
    /// What the type's own `Encode` says.
    fn encode(value: &T, buffer: &mut Self::ArgumentBuffer) -> Result<IsNull, BoxDynError>;
}

impl<DB, T> Binds<T> for DB
where
    DB: Database,
    T: for<'q> Encode<'q, DB> + Type<DB>,
{
    fn push_bind(query: &mut QueryBuilder<Self>, value: &T) {
        query.push_bind(value);
    }

    fn type_info() -> DB::TypeInfo {
        <T as Type<DB>>::type_info()
    }

    fn encode(value: &T, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        value.encode_by_ref(buffer)
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

    /// What the values of `Self::COLUMNS[column]` are sent as. `None` where it is not known: such an
    /// entity is then written value by value, never as arrays of columns.
    fn type_info(_column: usize) -> Option<DB::TypeInfo> {
        None
    }

    /// Writes the value of `Self::COLUMNS[column]` as an element of an array.
    ///
    /// # Errors
    /// What the type's own `Encode` says; also where [`type_info`](Self::type_info) knows no type.
    fn encode_value(
        &self,
        _column: usize,
        _buffer: &mut DB::ArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        Err("the column has no known type".into())
    }
}

/// A database that takes the columns of an `E`; `E: Record<DB>` turned round.
pub trait Writes<E>: Database {
    /// Binds the value of `E::COLUMNS[column]`.
    fn push_value(entity: &E, column: usize, query: &mut QueryBuilder<Self>);

    /// [`Record::type_info`].
    fn column_type(column: usize) -> Option<Self::TypeInfo>;

    /// [`Record::encode_value`].
    ///
    /// # Errors
    /// As there.
    fn encode_value(
        entity: &E,
        column: usize,
        buffer: &mut Self::ArgumentBuffer,
    ) -> Result<IsNull, BoxDynError>;
}

impl<DB: Database, E: Record<DB>> Writes<E> for DB {
    fn push_value(entity: &E, column: usize, query: &mut QueryBuilder<Self>) {
        entity.push_value(column, query);
    }

    fn column_type(column: usize) -> Option<DB::TypeInfo> {
        E::type_info(column)
    }

    fn encode_value(
        entity: &E,
        column: usize,
        buffer: &mut DB::ArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        entity.encode_value(column, buffer)
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

            fn type_info(column: usize) -> ::core::option::Option<DB::TypeInfo> {
                match column {
                    $($index => ::core::option::Option::Some(<DB as $crate::sql::Binds<$type>>::type_info()),)*
                    _ => ::core::option::Option::None,
                }
            }

            fn encode_value(
                &self,
                column: usize,
                buffer: &mut DB::ArgumentBuffer,
            ) -> ::core::result::Result<$crate::sql::__private::IsNull, $crate::sql::__private::BoxDynError> {
                match column {
                    $($index => <DB as $crate::sql::Binds<$type>>::encode(&self.$($value)+, buffer),)*
                    _ => ::core::result::Result::Err("no such column".into()),
                }
            }
        }
    };
}
