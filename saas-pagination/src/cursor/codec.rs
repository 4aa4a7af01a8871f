//! Values as bytes: one byte that tells the type, then the value, numbers in network order.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use uuid::Uuid;

use crate::Value;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const I64: u8 = 3;
const F64: u8 = 4;
const TEXT: u8 = 5;
const BYTES: u8 = 6;
const UUID: u8 = 7;
const MICROS: u8 = 8;
const NANOS: u8 = 9;
const DATE: u8 = 10;

/// Appends a value.
pub(crate) fn put(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::I64(number) => tagged(I64, &number.to_be_bytes(), out),
        Value::F64(number) => tagged(F64, &number.to_bits().to_be_bytes(), out),
        Value::Text(text) => sized(TEXT, text.as_bytes(), out),
        Value::Bytes(bytes) => sized(BYTES, bytes, out),
        Value::Uuid(uuid) => tagged(UUID, uuid.as_bytes(), out),
        Value::Timestamp(moment) => put_moment(*moment, out),
        Value::Date(date) => tagged(DATE, &date.num_days_from_ce().to_be_bytes(), out),
    }
}

/// Every value up to the end.
pub(super) fn take_all(input: &mut &[u8]) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    while !input.is_empty() {
        values.push(take(input)?);
    }
    Some(values)
}

fn take(input: &mut &[u8]) -> Option<Value> {
    Some(match fixed::<1>(input)? {
        [NULL] => Value::Null,
        [FALSE] => Value::Bool(false),
        [TRUE] => Value::Bool(true),
        [I64] => Value::I64(i64::from_be_bytes(fixed(input)?)),
        [F64] => Value::F64(f64::from_bits(u64::from_be_bytes(fixed(input)?))),
        [TEXT] => Value::Text(String::from_utf8(take_sized(input)?).ok()?),
        [BYTES] => Value::Bytes(take_sized(input)?),
        [UUID] => Value::Uuid(Uuid::from_bytes(fixed(input)?)),
        [MICROS] => {
            Value::Timestamp(DateTime::from_timestamp_micros(i64::from_be_bytes(fixed(input)?))?)
        }
        [NANOS] => {
            let seconds = i64::from_be_bytes(fixed(input)?);
            let nanos = u32::from_be_bytes(fixed(input)?);
            let moment = DateTime::from_timestamp(seconds, nanos)?;
            // One moment has one form.
            if has_microseconds(moment) {
                return None;
            }
            Value::Timestamp(moment)
        }
        [DATE] => {
            let days = i32::from_be_bytes(fixed(input)?);
            Value::Date(NaiveDate::from_num_days_from_ce_opt(days)?)
        }
        _ => return None,
    })
}

/// PostgreSQL has microseconds. SQLite keeps whatever it was given, and a cursor that rounded it
/// would lose or repeat the boundary row: so finer moments, and leap seconds, take the long form.
fn put_moment(moment: DateTime<Utc>, out: &mut Vec<u8>) {
    if has_microseconds(moment) {
        return tagged(MICROS, &moment.timestamp_micros().to_be_bytes(), out);
    }
    tagged(NANOS, &moment.timestamp().to_be_bytes(), out);
    out.extend_from_slice(&moment.timestamp_subsec_nanos().to_be_bytes());
}

fn has_microseconds(moment: DateTime<Utc>) -> bool {
    let nanos = moment.timestamp_subsec_nanos();
    nanos.is_multiple_of(1000) && nanos < 1_000_000_000
}

fn tagged(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

fn sized(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    // A length that does not fit is beyond any cursor, which is refused for its size.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn fixed<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*bytes)
}

fn take_sized(input: &mut &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(u32::from_be_bytes(fixed(input)?)).ok()?;
    let (bytes, rest) = input.split_at_checked(length)?;
    *input = rest;
    Some(bytes.to_vec())
}
