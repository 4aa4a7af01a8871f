#[cfg(feature = "aead")]
mod encrypted;
mod refused;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use proptest::prelude::*;
use saas_core::{ManualClock, TenantId};
use uuid::Uuid;

use super::*;
use crate::{Key, Nulls, Scope};

fn cursors() -> Cursors {
    Cursors::new([1; 32]).unwrap()
}

fn binding() -> Binding {
    Binding::new("invoices", &Scope::from(TenantId::from_uuid(Uuid::from_u128(1))))
}

fn sealed(values: &[Value]) -> String {
    Sealer::new(&cursors(), &binding()).seal(values).unwrap()
}

fn reopened(text: &str) -> Result<Vec<Value>, CursorError> {
    open(text, &cursors(), &binding())
}

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn common() -> Vec<Value> {
    vec![Value::Timestamp(moment("2026-01-02T03:04:05.123456Z")), Value::Uuid(Uuid::max())]
}

#[test]
fn a_cursor_of_a_timestamp_and_an_id_fits_in_80_characters() {
    assert!(sealed(&common()).len() <= 80, "{}", sealed(&common()).len());
    let url_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    assert!(sealed(&common()).chars().all(url_safe));
}

#[test]
fn values_come_back_to_the_bit() {
    let values = [
        Value::Null,
        Value::Bool(false),
        Value::Bool(true),
        Value::I64(i64::MIN),
        Value::I64(i64::MAX),
        Value::F64(-0.0),
        Value::F64(f64::INFINITY),
        Value::F64(f64::MIN_POSITIVE),
        Value::Text(String::new()),
        Value::Text("a\0,\u{1f600}".into()),
        Value::Bytes(vec![0, 255]),
        Value::Timestamp(moment("1969-12-31T23:59:59.999999Z")),
        Value::Timestamp(moment("2026-01-01T00:00:00.000000001Z")),
        Value::Timestamp(moment("2016-12-31T23:59:60.5Z")),
        Value::Timestamp(DateTime::<Utc>::MIN_UTC),
        Value::Timestamp(DateTime::<Utc>::MAX_UTC),
        Value::Date(NaiveDate::MIN),
        Value::Date(NaiveDate::MAX),
    ];
    assert_eq!(reopened(&sealed(&values)).unwrap(), values);
    let Value::F64(zero) = reopened(&sealed(&[Value::F64(-0.0)])).unwrap()[0] else { panic!() };
    assert!(zero.is_sign_negative());
    let nan = f64::from_bits(0x7ff8_0000_0000_0001);
    let Value::F64(back) = reopened(&sealed(&[Value::F64(nan)])).unwrap()[0] else { panic!() };
    assert_eq!(back.to_bits(), nan.to_bits());
}

#[test]
fn no_bit_of_a_cursor_can_be_flipped() {
    let cursor = sealed(&common());
    let bytes = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(reopened(&URL_SAFE_NO_PAD.encode(flipped)).is_err(), "bit {bit}");
    }
    // The text's own bits, among them those that base64 does not need.
    for bit in 0..cursor.len() * 8 {
        let mut flipped = cursor.clone().into_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(text) = String::from_utf8(flipped) {
            assert!(reopened(&text).is_err(), "bit {bit} of the text");
        }
    }
}

#[test]
fn a_cursor_cut_or_extended_anywhere_is_refused() {
    let bytes = URL_SAFE_NO_PAD.decode(sealed(&common())).unwrap();
    for length in 0..bytes.len() {
        assert!(reopened(&URL_SAFE_NO_PAD.encode(&bytes[..length])).is_err(), "{length} bytes");
    }
    for extra in 1..40 {
        let mut longer = bytes.clone();
        longer.extend(std::iter::repeat_n(0, extra));
        assert!(reopened(&URL_SAFE_NO_PAD.encode(longer)).is_err(), "{extra} more");
    }
}

#[test]
fn padding_and_other_alphabets_are_refused() {
    let cursor = sealed(&[Value::Bytes(vec![0xff; 9])]);
    assert_eq!(reopened(&format!("{cursor}=")), Err(CursorError::Encoding));
    assert_eq!(reopened(&format!("{cursor}==")), Err(CursorError::Encoding));
    assert_eq!(reopened(&format!(" {cursor}")), Err(CursorError::Encoding));
    let standard = cursor.replace('_', "/").replace('-', "+");
    assert_ne!(standard, cursor);
    assert_eq!(reopened(&standard), Err(CursorError::Encoding));
    assert_eq!(reopened(""), Err(CursorError::Malformed));
}

#[test]
fn bits_that_base64_does_not_need_are_zero() {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for text in ["", "a"] {
        let cursor = sealed(&[Value::Text(text.into())]);
        let spare = if cursor.len() % 4 == 2 { 16 } else { 4 };
        let (head, last) = cursor.split_at(cursor.len() - 1);
        let last = ALPHABET.iter().position(|char| *char == last.as_bytes()[0]).unwrap();
        assert_eq!(last % spare, 0);
        for other in &ALPHABET[last + 1..last + spare] {
            let text = format!("{head}{}", char::from(*other));
            assert_eq!(reopened(&text), Err(CursorError::Encoding));
        }
    }
}

#[test]
fn a_moment_has_one_spelling() {
    let moment = moment("2026-01-02T03:04:05.123456Z");
    let mut long = vec![9];
    long.extend_from_slice(&moment.timestamp().to_be_bytes());
    long.extend_from_slice(&moment.timestamp_subsec_nanos().to_be_bytes());
    assert_eq!(codec::take_all(&mut &long[..]), None);
    // One nanosecond later it is the long one.
    *long.last_mut().unwrap() += 1;
    let later = moment + chrono::TimeDelta::nanoseconds(1);
    assert_eq!(codec::take_all(&mut &long[..]), Some(vec![Value::Timestamp(later)]));
}

/// Once over every way in which the tests below and above break a cursor.
#[test]
fn whatever_is_wrong_with_a_cursor_the_client_reads_the_same() {
    let list = crate::List::new("rows", "id", |id: &i64| *id)
        .sort("other", "other", |id: &i64| *id)
        .filter::<i64>("id", "id", [crate::Operator::Gte]);
    let clock = Arc::new(ManualClock::at(moment("2026-01-01T00:00:00Z")));
    let cursors = cursors().expire_after(Duration::from_secs(1)).with_clock(clock.clone());
    let cursor = |list: &crate::List<i64>, query: &str, cursors: &Cursors, scope: &str| {
        list.request(query, cursors, scope).unwrap().cursor(&1).unwrap()
    };
    let good = cursor(&list, "", &cursors, "a");
    assert!(list.request(&format!("after={good}"), &cursors, "a").is_ok());
    let with_first = |byte| {
        let mut bytes = URL_SAFE_NO_PAD.decode(&good).unwrap();
        bytes[0] = byte;
        URL_SAFE_NO_PAD.encode(bytes)
    };
    let flipped = |bit: usize| {
        let mut bytes = URL_SAFE_NO_PAD.decode(&good).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        URL_SAFE_NO_PAD.encode(bytes)
    };
    let elsewhere = crate::List::new("elsewhere", "id", |id: &i64| *id);
    let until = crate::List::new("rows", "id", |id: &i64| *id).as_of("at");
    let mut bad = vec![
        String::new(),
        "%00".into(),
        "%FF".into(),
        "A".repeat(1 << 20),
        format!("{good}="),
        format!("{good}A"),
        format!("{good}AAAA"),
        with_first(0),
        with_first(2),
        with_first(3),
        cursor(&list, "", &Cursors::new([2; 32]).unwrap(), "a"),
        cursor(&list, "", &cursors, "b"),
        cursor(&list, "sort=other", &cursors, "a"),
        cursor(&list, "sort=-other", &cursors, "a"),
        cursor(&list, "id[gte]=1", &cursors, "a"),
        cursor(&elsewhere, "", &cursors, "a"),
        cursor(&until, "", &cursors, "a"),
    ];
    bad.extend((1..good.len()).map(|length| good[..length].to_owned()));
    bad.extend((0..good.len() * 6 / 8 * 8).map(flipped));
    clock.advance(Duration::from_secs(2));
    bad.push(good.clone());
    let answer = |text: &str| {
        let error = list.request(&format!("after={text}"), &cursors, "a").unwrap_err();
        saas_core::Problem::from(error).to_json()
    };
    for text in bad {
        assert_eq!(answer(&text), answer("x"), "{text:.80}");
    }
    assert!(answer("x").contains("not a valid cursor of this list"));
}

#[test]
fn a_megabyte_is_refused_before_it_is_decoded() {
    assert_eq!(reopened(&"A".repeat(1 << 20)), Err(CursorError::TooLong));
    assert_eq!(reopened(&"A".repeat(MAX_CHARS + 1)), Err(CursorError::TooLong));
    assert_eq!(reopened(&"A".repeat(MAX_CHARS)), Err(CursorError::Version(0)));
}

#[test]
fn the_longest_name_of_200_characters_fits_and_what_does_not_is_an_error() {
    let name = Value::Text("\u{1f600}".repeat(200));
    let values = [name, Value::Uuid(Uuid::max())];
    assert_eq!(reopened(&sealed(&values)).unwrap(), values);
    let sealer = Sealer::new(&cursors(), &binding());
    assert!(matches!(sealer.seal(&[Value::Text("x".repeat(1000))]), Err(Error::KeyTooLong)));
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::I64),
        any::<f64>().prop_map(Value::F64),
        ".{0,20}".prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        any::<u128>().prop_map(|n| Value::Uuid(Uuid::from_u128(n))),
        (-8_000_000_000_000_000i64..8_000_000_000_000_000)
            .prop_map(|n| Value::Timestamp(DateTime::from_timestamp_micros(n).unwrap())),
        (-90_000_000i32..90_000_000)
            .prop_filter_map("a date", NaiveDate::from_num_days_from_ce_opt)
            .prop_map(Value::Date),
    ]
}

proptest! {
    #[test]
    fn any_values_come_back(values in prop::collection::vec(value(), 0..6)) {
        prop_assert_eq!(reopened(&sealed(&values)).unwrap(), values);
    }

    #[test]
    fn no_text_is_a_cursor_or_a_panic(text in "\\PC{0,120}") {
        prop_assert!(reopened(&text).is_err());
    }

    #[test]
    fn no_bytes_are_values_or_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = codec::take_all(&mut &bytes[..]);
        prop_assert!(reopened(&URL_SAFE_NO_PAD.encode(&bytes)).is_err());
    }
}

#[test]
fn a_lifetime_beyond_all_time_does_not_end() {
    for lifetime in [Duration::from_secs(u64::MAX), Duration::MAX] {
        let cursors = Cursors::new([7; 32]).unwrap().expire_after(lifetime);
        assert_eq!(cursors.expires(), 0);
    }
}
