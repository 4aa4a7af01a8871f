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
