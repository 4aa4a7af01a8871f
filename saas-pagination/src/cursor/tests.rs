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

#[test]
fn another_version_or_key_is_refused() {
    let mut bytes = URL_SAFE_NO_PAD.decode(sealed(&common())).unwrap();
    bytes[0] = 2;
    assert_eq!(reopened(&URL_SAFE_NO_PAD.encode(bytes)), Err(CursorError::Version(2)));
    let stranger = Cursors::new([2; 32]).unwrap();
    assert_eq!(open(&sealed(&common()), &stranger, &binding()), Err(CursorError::UnknownKey));
}

#[test]
fn a_cursor_outlives_its_key_only_while_that_is_in_the_ring() {
    let old = sealed(&common());
    let rotated = Cursors::new([2; 32]).unwrap().older([1; 32]).unwrap();
    assert!(open(&old, &rotated, &binding()).is_ok());
    let new = Sealer::new(&rotated, &binding()).seal(&common()).unwrap();
    assert_eq!(open(&new, &cursors(), &binding()), Err(CursorError::UnknownKey));
    let retired = Cursors::new([3; 32]).unwrap().older([2; 32]).unwrap();
    assert_eq!(open(&old, &retired, &binding()), Err(CursorError::UnknownKey));
    assert!(open(&new, &retired, &binding()).is_ok());
    assert!(matches!(Cursors::new([1; 31]), Err(Error::WeakSecret)));
}

#[test]
fn a_cursor_expires_when_its_time_has_passed_and_not_before() {
    let clock = Arc::new(ManualClock::at(moment("2026-01-01T00:00:00Z")));
    let hour = Duration::from_secs(3600);
    let cursors = cursors().expire_after(hour).with_clock(clock.clone());
    let cursor = Sealer::new(&cursors, &binding()).seal(&common()).unwrap();
    assert!(cursor.len() <= 80);
    clock.advance(hour);
    assert!(open(&cursor, &cursors, &binding()).is_ok());
    clock.advance(Duration::from_secs(1));
    assert_eq!(open(&cursor, &cursors, &binding()), Err(CursorError::Expired));
}

#[test]
fn a_cursor_of_another_list_tenant_sort_or_filter_is_foreign() {
    let key = || Key::new("total", |n: &i64| *n);
    let make = |resource, scope: Scope, key: Key<i64>, descending, filter: &[u8]| {
        let mut binding = Binding::new(resource, &scope);
        binding.sort([(&key, descending)].into_iter());
        binding.filter(filter);
        binding
    };
    let tenant = || Scope::from(Uuid::from_u128(1));
    let nullable = || Key::new("total", |n: &i64| Some(*n));
    let ours = make("invoices", tenant(), key(), false, b"a");
    let cursor = Sealer::new(&cursors(), &ours).seal(&[Value::I64(1)]).unwrap();
    assert!(open(&cursor, &cursors(), &ours).is_ok());
    let others = [
        make("customers", tenant(), key(), false, b"a"),
        make("invoices", Scope::from(Uuid::from_u128(2)), key(), false, b"a"),
        make("invoices", Scope::from(&Uuid::from_u128(1).as_bytes()[..]), key(), false, b"a"),
        make("invoices", Scope::from(()), key(), false, b"a"),
        make("invoices", tenant(), Key::new("id", |n: &i64| *n), false, b"a"),
        make("invoices", tenant(), Key::new("total", |n: &i64| n.to_string()), false, b"a"),
        make("invoices", tenant(), key(), true, b"a"),
        make("invoices", tenant(), nullable(), false, b"a"),
        make("invoices", tenant(), nullable().nulls(Nulls::First), false, b"a"),
        make("invoices", tenant(), key(), false, b""),
        make("invoices", tenant(), key(), false, b"b"),
    ];
    for other in &others {
        assert_eq!(open(&cursor, &cursors(), other), Err(CursorError::Foreign), "{other:?}");
    }
}

#[test]
fn forging_with_the_right_header_is_caught_by_the_signature() {
    let mut bytes = URL_SAFE_NO_PAD.decode(sealed(&common())).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert_eq!(reopened(&URL_SAFE_NO_PAD.encode(&bytes)), Err(CursorError::Forged));
    // Values swapped for other well-formed ones.
    bytes[last] ^= 1;
    bytes[HEADER + 3] ^= 1;
    assert_eq!(reopened(&URL_SAFE_NO_PAD.encode(&bytes)), Err(CursorError::Forged));
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
