//! Rows as one array for each column.

use saas_core::Kind;
use saas_core::schema::Dialect;
use saas_core::sql::Writes;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo};
use sqlx::{Encode, Postgres, QueryBuilder, Type};

use saas_core::Entity;

/// Whether each column is sent as the type that its kind names: then an array of that type takes its
/// values, encoded as they are alone. A type of the application's own, an enum of the database for
/// instance, is not.
pub(super) fn fit<E: Entity>() -> bool
where
    Postgres: Writes<E>,
{
    E::COLUMNS.iter().enumerate().all(|(index, column)| {
        let element = types(column.kind).map(|(element, _)| element);
        element.is_some() && element == <Postgres as Writes<E>>::column_type(index)
    })
}

/// `unnest($1::uuid[], …)`.
pub(super) fn push<E: Entity>(query: &mut QueryBuilder<Postgres>, rows: &[E], columns: &[usize])
where
    Postgres: Writes<E>,
{
    query.push("unnest(");
    for (place, column) in columns.iter().enumerate() {
        let kind = E::COLUMNS[*column].kind;
        query.push(if place == 0 { "" } else { ", " });
        query.push_bind(Values { rows, column: *column, kind });
        query.push("::").push(Dialect::Postgres.type_name(kind)).push("[]");
    }
    query.push(")");
}

/// One column of many rows.
struct Values<'r, E> {
    rows: &'r [E],
    column: usize,
    kind: Kind,
}

impl<E> Type<Postgres> for Values<'_, E> {
    fn type_info() -> PgTypeInfo {
        // Never asked for, since every value says what it produces.
        <Vec<String> as Type<Postgres>>::type_info()
    }
}

impl<E> Encode<'_, Postgres> for Values<'_, E>
where
    Postgres: Writes<E>,
{
    fn produces(&self) -> Option<PgTypeInfo> {
        types(self.kind).map(|(_, array)| array)
    }

    /// PostgreSQL's binary form of an array: dimensions, flags, the elements' type, how many there
    /// are, the first index; then each element after its length, -1 for NULL.
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let element = types(self.kind).and_then(|(element, _)| element.oid());
        let element = element.ok_or("the column's type has no fixed id")?;
        buffer.extend(1_i32.to_be_bytes());
        buffer.extend(0_i32.to_be_bytes());
        buffer.extend(element.0.to_be_bytes());
        buffer.extend(i32::try_from(self.rows.len())?.to_be_bytes());
        buffer.extend(1_i32.to_be_bytes());
        for row in self.rows {
            let start = buffer.len();
            buffer.extend([0; 4]);
            let length = match <Postgres as Writes<E>>::encode_value(row, self.column, buffer)? {
                IsNull::Yes => -1,
                IsNull::No => i32::try_from(buffer.len() - start - 4)?,
            };
            buffer[start..start + 4].copy_from_slice(&length.to_be_bytes());
        }
        Ok(IsNull::No)
    }
}

/// A kind's type and its array, with ids that are the same in every database.
fn types(kind: Kind) -> Option<(PgTypeInfo, PgTypeInfo)> {
    fn of<T>() -> Option<(PgTypeInfo, PgTypeInfo)>
    where
        T: Type<Postgres>,
        Vec<T>: Type<Postgres>,
    {
        Some((T::type_info(), Vec::<T>::type_info()))
    }
    match kind {
        Kind::Uuid => of::<uuid::Uuid>(),
        Kind::Text => of::<String>(),
        Kind::SmallInt => of::<i16>(),
        Kind::Int => of::<i32>(),
        Kind::BigInt => of::<i64>(),
        Kind::Float => of::<f64>(),
        Kind::Bool => of::<bool>(),
        Kind::Timestamp => of::<chrono::DateTime<chrono::Utc>>(),
        Kind::Date => of::<chrono::NaiveDate>(),
        Kind::Bytes => of::<Vec<u8>>(),
        Kind::Json => of::<sqlx::types::JsonValue>(),
        _ => None,
    }
}
