//! Values as JSON, the same whichever database they come from.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use saas_core::Kind;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Cell;

/// Writes a value.
///
/// # Errors
/// What is wrong with it.
pub(super) fn write(out: &mut String, cell: &Cell) -> Result<(), &'static str> {
    // Writing to a string does not fail.
    let _ = match cell {
        Cell::Uuid(uuid) => write!(out, "\"{uuid}\""),
        Cell::Text(text) => text_to(out, text),
        Cell::Int(number) => write!(out, "{number}"),
        // The shortest digits that read back as the same number.
        Cell::Float(number) if number.is_finite() => write!(out, "{number:?}"),
        Cell::Float(number) => write!(out, "\"{number}\""),
        Cell::Bool(yes) => write!(out, "{yes}"),
        Cell::Timestamp(moment) => {
            let digits = match moment.timestamp_subsec_nanos() % 1000 {
                0 => SecondsFormat::Micros,
                // SQLite keeps what it is given.
                _ => SecondsFormat::Nanos,
            };
            write!(out, "\"{}\"", moment.to_rfc3339_opts(digits, true))
        }
        Cell::Date(date) => write!(out, "\"{date}\""),
        Cell::Bytes(bytes) => write!(out, "\"{}\"", BASE64.encode(bytes)),
        Cell::Json(json) => {
            let json: &RawValue = serde_json::from_str(json).map_err(|_| "is no JSON")?;
            // In JSON a line break is only ever space between two tokens.
            json.get().split(['\n', '\r']).for_each(|line| out.push_str(line));
            Ok(())
        }
    };
    Ok(())
}

/// Writes a JSON string.
pub(super) fn text_to(out: &mut String, text: &str) -> std::fmt::Result {
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        write!(out, "\"{text}\"")
    } else {
        write!(out, "{}", Value::from(text))
    }
}

/// Reads a value of this kind.
pub(super) fn read(json: &RawValue, kind: Kind) -> Option<Cell> {
    let text = || serde_json::from_str::<String>(json.get()).ok();
    Some(match kind {
        Kind::Uuid => Cell::Uuid(text()?.parse().ok()?),
        Kind::Text => Cell::Text(text()?),
        Kind::SmallInt => Cell::Int(json.get().parse::<i16>().ok()?.into()),
        Kind::Int => Cell::Int(json.get().parse::<i32>().ok()?.into()),
        Kind::BigInt => Cell::Int(json.get().parse().ok()?),
        Kind::Float => Cell::Float(match text() {
            Some(word) if ["NaN", "inf", "-inf"].contains(&&*word) => word.parse().ok()?,
            Some(_) => return None,
            // Not through serde_json, which may miss the nearest number by one digit.
            None => json.get().parse::<f64>().ok().filter(|number| number.is_finite())?,
        }),
        Kind::Bool => Cell::Bool(json.get().parse().ok()?),
        Kind::Timestamp => {
            Cell::Timestamp(DateTime::parse_from_rfc3339(&text()?).ok()?.with_timezone(&Utc))
        }
        Kind::Date => Cell::Date(text()?.parse::<NaiveDate>().ok()?),
        Kind::Bytes => Cell::Bytes(BASE64.decode(text()?).ok()?),
        Kind::Json => Cell::Json(json.get().to_owned()),
        _ => return None,
    })
}

/// What a kind is called.
pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Uuid => "uuid",
        Kind::Text => "text",
        Kind::SmallInt => "smallint",
        Kind::Int => "int",
        Kind::BigInt => "bigint",
        Kind::Float => "float",
        Kind::Bool => "bool",
        Kind::Timestamp => "timestamp",
        Kind::Date => "date",
        Kind::Bytes => "bytes",
        Kind::Json => "json",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(cell: &Cell, kind: Kind) -> Option<Cell> {
        let mut out = String::new();
        write(&mut out, cell).unwrap();
        assert!(!out.contains(['\n', '\r']), "{out}");
        read(serde_json::from_str(&out).unwrap(), kind)
    }

    proptest! {
        #[test]
        fn every_value_reads_back_as_itself(
            text in any::<String>(), int in any::<i64>(), bits in any::<u64>(),
            bytes in any::<Vec<u8>>(), micros in -62_000_000_000_000_000_i64..250_000_000_000_000_000,
        ) {
            let float = f64::from_bits(bits);
            match round_trip(&Cell::Float(float), Kind::Float) {
                Some(Cell::Float(back)) if float.is_nan() => prop_assert!(back.is_nan()),
                Some(Cell::Float(back)) => prop_assert_eq!(back.to_bits(), bits),
                other => prop_assert!(false, "{:?}", other),
            }
            let moment = DateTime::from_timestamp_micros(micros).unwrap();
            for (cell, kind) in [
                (Cell::Json(Value::from(&*text).to_string()), Kind::Json),
                (Cell::Text(text), Kind::Text),
                (Cell::Int(int), Kind::BigInt),
                (Cell::Bytes(bytes), Kind::Bytes),
                (Cell::Timestamp(moment), Kind::Timestamp),
                (Cell::Date(moment.date_naive()), Kind::Date),
            ] {
                prop_assert_eq!(round_trip(&cell, kind), Some(cell));
            }
        }
    }

    #[test]
    fn what_is_no_number_and_what_is_out_of_range() {
        for float in [f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE] {
            let Some(Cell::Float(back)) = round_trip(&Cell::Float(float), Kind::Float) else {
                panic!()
            };
            assert_eq!(back.to_bits(), float.to_bits());
        }
        for (json, kind) in [
            ("32768", Kind::SmallInt),
            ("1.5", Kind::Int),
            ("\"infinity\"", Kind::Float),
            ("1e999", Kind::Float),
            ("1", Kind::Bool),
            ("\"2026-01-02\"", Kind::Timestamp),
            ("\"!\"", Kind::Bytes),
            ("null", Kind::Text),
        ] {
            assert_eq!(read(serde_json::from_str(json).unwrap(), kind), None, "{json}");
        }
    }

    #[test]
    fn json_keeps_its_digits_and_takes_one_line() {
        let json = Cell::Json("{\"a\":\n 12345678901234567890.10}".to_owned());
        let expected = Cell::Json("{\"a\": 12345678901234567890.10}".to_owned());
        assert_eq!(round_trip(&json, Kind::Json), Some(expected));
        assert!(write(&mut String::new(), &Cell::Json("{".to_owned())).is_err());
    }
}
