//! The crate's newtypes as column values, and its row parts as parts of a `FromRow`.

use chrono::{DateTime, Utc};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{ColumnIndex, Database, Decode, Encode, FromRow, Row, Type};
use uuid::Uuid;

use crate::{DeletionId, Id, SoftDelete, TenantId, Timestamps, Version};

/// A newtype is stored as what it wraps.
macro_rules! stored_as {
    ([$($generics:tt)*] $name:ty, $inner:ty, $get:expr, $make:expr) => {
        impl<DB: Database, $($generics)*> Type<DB> for $name
        where
            $inner: Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <$inner as Type<DB>>::type_info()
            }
            fn compatible(ty: &DB::TypeInfo) -> bool {
                <$inner as Type<DB>>::compatible(ty)
            }
        }
        impl<'q, DB: Database, $($generics)*> Encode<'q, DB> for $name
        where
            $inner: Encode<'q, DB>,
        {
            fn encode_by_ref(&self, buf: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
                $get(*self).encode_by_ref(buf)
            }
            fn produces(&self) -> Option<DB::TypeInfo> {
                $get(*self).produces()
            }
        }
        impl<'r, DB: Database, $($generics)*> Decode<'r, DB> for $name
        where
            $inner: Decode<'r, DB>,
        {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
                <$inner as Decode<'r, DB>>::decode(value).map($make)
            }
        }
        #[cfg(feature = "postgres")]
        impl<$($generics)*> sqlx::postgres::PgHasArrayType for $name {
            fn array_type_info() -> sqlx::postgres::PgTypeInfo {
                <$inner as sqlx::postgres::PgHasArrayType>::array_type_info()
            }
        }
    };
}

stored_as!([E] Id<E>, Uuid, Id::<E>::uuid, Id::from_uuid);
stored_as!([] TenantId, Uuid, TenantId::uuid, TenantId::from_uuid);
stored_as!([] DeletionId, Uuid, DeletionId::uuid, DeletionId::from_uuid);
stored_as!([] Version, i64, Version::get, Version::new);

impl<'r, R: Row> FromRow<'r, R> for Timestamps
where
    &'static str: ColumnIndex<R>,
    DateTime<Utc>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self { created_at: row.try_get("created_at")?, updated_at: row.try_get("updated_at")? })
    }
}

impl<'r, R: Row> FromRow<'r, R> for SoftDelete
where
    &'static str: ColumnIndex<R>,
    Option<DateTime<Utc>>: Decode<'r, R::Database> + Type<R::Database>,
    Option<DeletionId>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            deleted_at: row.try_get("deleted_at")?,
            deletion_id: row.try_get("deletion_id")?,
        })
    }
}
