//! Timestamps and dates as PostgreSQL sends them. It knows some that chrono does not, infinity among
//! them, at which sqlx's own decoding panics.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Row, ValueRef};

/// PostgreSQL counts from 2000-01-01: in microseconds since 1970, and in days since the year 1.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const EPOCH_DAYS: i32 = 730_120;

pub(super) fn timestamp(row: &PgRow, at: usize) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let Some(micros) = sent(row, at)? else { return Ok(None) };
    let micros = i64::from_be_bytes(micros).checked_add(EPOCH_MICROS);
    let moment = micros.and_then(DateTime::from_timestamp_micros);
    moment.map(Some).ok_or_else(|| out_of_range(at))
}

pub(super) fn date(row: &PgRow, at: usize) -> Result<Option<NaiveDate>, sqlx::Error> {
    let Some(days) = sent(row, at)? else { return Ok(None) };
    let days = i32::from_be_bytes(days).checked_add(EPOCH_DAYS);
    let date = days.and_then(NaiveDate::from_num_days_from_ce_opt);
    date.map(Some).ok_or_else(|| out_of_range(at))
}

/// The bytes of a value that is not NULL.
fn sent<const N: usize>(row: &PgRow, at: usize) -> Result<Option<[u8; N]>, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(None);
    }
    let bytes = value.as_bytes().map_err(|source| decoding(at, source))?;
    bytes.try_into().map(Some).map_err(|_| decoding(at, "it has another type".into()))
}

fn out_of_range(at: usize) -> sqlx::Error {
    decoding(at, "it is infinite, or beyond the years that can be told".into())
}

fn decoding(at: usize, source: sqlx::error::BoxDynError) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: at.to_string(), source }
}
