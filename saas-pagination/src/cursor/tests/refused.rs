use super::*;

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
