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

#[test]
fn another_version_or_key_is_refused() {
    let mut bytes = URL_SAFE_NO_PAD.decode(sealed(&common())).unwrap();
    bytes[0] = 3;
    assert_eq!(reopened(&URL_SAFE_NO_PAD.encode(bytes)), Err(CursorError::Version(3)));
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

#[cfg(feature = "aead")]
mod encrypted {
    use super::*;

    fn encrypted(values: &[Value]) -> String {
        Sealer::new(&cursors().encrypted(), &binding()).seal(values).unwrap()
    }

    #[test]
    fn either_kind_is_as_long_and_opened_by_whoever_makes_the_other() {
        assert_eq!(encrypted(&common()).len(), sealed(&common()).len());
        assert_eq!(reopened(&encrypted(&common())).unwrap(), common());
        let signed = sealed(&common());
        assert_eq!(open(&signed, &cursors().encrypted(), &binding()).unwrap(), common());
    }

    #[test]
    fn no_byte_of_a_key_can_be_seen() {
        let secret = [Value::Text("Ada Lovelace".into()), Value::I64(0), Value::Null];
        let plain = URL_SAFE_NO_PAD.decode(sealed(&secret)).unwrap();
        let hidden = URL_SAFE_NO_PAD.decode(encrypted(&secret)).unwrap();
        let values = HEADER..plain.len() - SIGNATURE;
        for part in plain[values.clone()].windows(3) {
            assert!(!hidden[values.clone()].windows(3).any(|seen| seen == part), "{part:?}");
        }
        assert_ne!(plain[values.clone()], hidden[values.clone()]);
        // Nor does a row that differs in its first key alone show it in the others.
        let other = [Value::Text("Ada Lovelacf".into()), Value::I64(0), Value::Null];
        let other = URL_SAFE_NO_PAD.decode(encrypted(&other)).unwrap();
        let same = hidden[values.clone()].iter().zip(&other[values]).filter(|(a, b)| a == b);
        assert!(same.count() < 8);
    }

    #[test]
    fn the_same_row_has_the_same_cursor_under_the_same_secret_only() {
        assert_eq!(encrypted(&common()), encrypted(&common()));
        let other = Cursors::new([2; 32]).unwrap().encrypted();
        let other = Sealer::new(&other, &binding()).seal(&common()).unwrap();
        assert_ne!(encrypted(&common())[18..40], other[18..40]);
    }

    #[test]
    fn no_bit_of_it_can_be_flipped_and_none_passes_for_the_other_kind() {
        let bytes = URL_SAFE_NO_PAD.decode(encrypted(&common())).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(reopened(&URL_SAFE_NO_PAD.encode(flipped)).is_err(), "bit {bit}");
        }
        for (cursor, version) in [(encrypted(&common()), 1), (sealed(&common()), 2)] {
            let mut bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap();
            bytes[0] = version;
            assert_eq!(reopened(&URL_SAFE_NO_PAD.encode(bytes)), Err(CursorError::Forged));
        }
    }

    #[test]
    fn it_belongs_to_one_list_and_expires_like_the_others() {
        let other = Binding::new("customers", &Scope::from(()));
        let cursor = encrypted(&common());
        assert_eq!(open(&cursor, &cursors(), &other), Err(CursorError::Foreign));
        let clock = Arc::new(ManualClock::at(moment("2026-01-01T00:00:00Z")));
        let cursors = cursors().encrypted().expire_after(Duration::from_secs(1));
        let cursors = cursors.with_clock(clock.clone());
        let cursor = Sealer::new(&cursors, &binding()).seal(&common()).unwrap();
        clock.advance(Duration::from_secs(2));
        assert_eq!(open(&cursor, &cursors, &binding()), Err(CursorError::Expired));
    }

    proptest! {
        #[test]
        fn any_values_come_back(values in prop::collection::vec(value(), 0..6)) {
            prop_assert_eq!(reopened(&encrypted(&values)).unwrap(), values);
        }
    }
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
