use chrono::{DateTime, NaiveDate, Utc};
use saas_core::Kind;
use saas_core::sql::{Backend, Binds};
use sqlx::QueryBuilder;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use sqlx::{ColumnIndex, Decode, Row, Type};
use uuid::Uuid;

/// A value of a column, the same from either database. What is NULL is none.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Uuid(Uuid),
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Timestamp(DateTime<Utc>),
    Date(NaiveDate),
    Bytes(Vec<u8>),
    /// As the database wrote it.
    Json(String),
}

impl Cell {
    pub(crate) fn uuid(self) -> Option<Uuid> {
        match self {
            Self::Uuid(uuid) => Some(uuid),
            _ => None,
        }
    }

    pub(crate) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) | Self::Json(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn int(self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn timestamp(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Timestamp(moment) => Some(moment),
            _ => None,
        }
    }

    pub(crate) fn bool(self) -> Option<bool> {
        match self {
            Self::Bool(yes) => Some(yes),
            _ => None,
        }
    }
}

/// Reads the column at `at`, which was selected as `kind`'s widest type.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn read<R>(row: &R, at: usize, kind: Kind) -> Result<Option<Cell>, sqlx::Error>
where
    R: Row,
    usize: ColumnIndex<R>,
    Uuid: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    String: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    f64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    bool: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    DateTime<Utc>: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    NaiveDate: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(match kind {
        Kind::Uuid => row.try_get::<Option<_>, _>(at)?.map(Cell::Uuid),
        Kind::Text => row.try_get::<Option<_>, _>(at)?.map(Cell::Text),
        Kind::SmallInt | Kind::Int | Kind::BigInt => {
            row.try_get::<Option<_>, _>(at)?.map(Cell::Int)
        }
        Kind::Float => row.try_get::<Option<_>, _>(at)?.map(Cell::Float),
        Kind::Bool => row.try_get::<Option<_>, _>(at)?.map(Cell::Bool),
        Kind::Timestamp => row.try_get::<Option<_>, _>(at)?.map(Cell::Timestamp),
        Kind::Date => row.try_get::<Option<_>, _>(at)?.map(Cell::Date),
        Kind::Bytes => row.try_get::<Option<_>, _>(at)?.map(Cell::Bytes),
        Kind::Json => row.try_get::<Option<_>, _>(at)?.map(Cell::Json),
        _ => return Err(sqlx::Error::Decode("a kind of column that is not known here".into())),
    })
}

/// Binds a value, or NULL of the kind's type.
pub(super) fn push<DB: Backend>(query: &mut QueryBuilder<DB>, cell: Option<&Cell>, kind: Kind) {
    match cell {
        Some(Cell::Uuid(value)) => <DB as Binds<Uuid>>::push_bind(query, value),
        Some(Cell::Text(value) | Cell::Json(value)) => {
            <DB as Binds<String>>::push_bind(query, value);
        }
        Some(Cell::Int(value)) => <DB as Binds<i64>>::push_bind(query, value),
        Some(Cell::Float(value)) => <DB as Binds<f64>>::push_bind(query, value),
        Some(Cell::Bool(value)) => <DB as Binds<bool>>::push_bind(query, value),
        Some(Cell::Timestamp(value)) => <DB as Binds<DateTime<Utc>>>::push_bind(query, value),
        Some(Cell::Date(value)) => <DB as Binds<NaiveDate>>::push_bind(query, value),
        Some(Cell::Bytes(value)) => <DB as Binds<Vec<u8>>>::push_bind(query, value),
        None => match kind {
            Kind::Uuid => <DB as Binds<Option<Uuid>>>::push_bind(query, &None),
            Kind::SmallInt | Kind::Int | Kind::BigInt => {
                <DB as Binds<Option<i64>>>::push_bind(query, &None);
            }
            Kind::Float => <DB as Binds<Option<f64>>>::push_bind(query, &None),
            Kind::Bool => <DB as Binds<Option<bool>>>::push_bind(query, &None),
            Kind::Timestamp => <DB as Binds<Option<DateTime<Utc>>>>::push_bind(query, &None),
            Kind::Date => <DB as Binds<Option<NaiveDate>>>::push_bind(query, &None),
            Kind::Bytes => <DB as Binds<Option<Vec<u8>>>>::push_bind(query, &None),
            _ => <DB as Binds<Option<String>>>::push_bind(query, &None),
        },
    }
}
