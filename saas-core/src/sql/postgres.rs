//! What only PostgreSQL's types need.

use chrono::{DateTime, NaiveDate};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgRow, PgTypeInfo, PgValueFormat, PgValueRef, Postgres};
use sqlx::{Column, Encode, Row, Type, TypeInfo, ValueRef};

/// A text as a parameter without a type, which the server then infers as it does that of a literal.
/// The binary form of every type that holds text, and of an enum's labels, is the text itself.
pub(super) struct Untyped<'t>(pub(super) &'t str);

impl Type<Postgres> for Untyped<'_> {
    fn type_info() -> PgTypeInfo {
        // What the protocol calls an unspecified type.
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Untyped<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <&str as Encode<'_, Postgres>>::encode_by_ref(&self.0, buffer)
    }
}

const DATE: Oid = Oid(1082);
const TIMESTAMP: Oid = Oid(1114);
const TIMESTAMPTZ: Oid = Oid(1184);

/// Both are counted from 2000-01-01, in days and in microseconds; chrono counts from the first day of
/// the year 1 and from 1970.
const DAYS: i32 = 730_120;
const MICROS: i64 = 946_684_800_000_000;

pub(super) fn check_moments(row: &PgRow) -> Result<(), sqlx::Error> {
    for (index, column) in row.columns().iter().enumerate() {
        let Some(oid @ (DATE | TIMESTAMP | TIMESTAMPTZ)) = column.type_info().oid() else {
            continue;
        };
        if !fits(oid, &row.try_get_raw(index)?) {
            return Err(sqlx::Error::ColumnDecode {
                index: column.name().to_owned(),
                source: format!("a {} out of its Rust type's range", column.type_info().name())
                    .into(),
            });
        }
    }
    Ok(())
}

/// Whether chrono can hold it. As a text it is parsed, and an error if it cannot be.
fn fits(oid: Oid, value: &PgValueRef<'_>) -> bool {
    if value.is_null() || value.format() == PgValueFormat::Text {
        return true;
    }
    let Ok(bytes) = value.as_bytes() else { return true };
    match (oid, bytes.try_into(), bytes.try_into()) {
        (DATE, Ok(days), _) => {
            let days = i32::from_be_bytes(days).checked_add(DAYS);
            days.and_then(NaiveDate::from_num_days_from_ce_opt).is_some()
        }
        (TIMESTAMP | TIMESTAMPTZ, _, Ok(micros)) => {
            let micros = i64::from_be_bytes(micros).checked_add(MICROS);
            micros.and_then(DateTime::from_timestamp_micros).is_some()
        }
        _ => true,
    }
}
