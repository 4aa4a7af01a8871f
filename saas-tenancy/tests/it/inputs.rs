//! What a setting or an audit entry cannot hold is told as input, before anything is written.

use std::collections::BTreeMap;

use saas_core::Problem;
use saas_tenancy::{AuditEntry, Error, ErrorKind, Setting, TenantDb};
use serde_json::{Value, json};

use crate::fixture::{self, Db};
use crate::suite::suite;

const RATE: Setting<f64> = Setting::new("rate", || 1.0);
const RATES: Setting<Vec<Option<f64>>> = Setting::new("rates", Vec::new);
const TITLE: Setting<String> = Setting::new("title", String::new);
const WORDS: Setting<BTreeMap<String, String>> = Setting::new("words", BTreeMap::new);
const ANY: Setting<Value> = Setting::new("any", || Value::Null);

/// Told as the client's mistake, in words that name what it is about.
fn told(result: Result<(), Error>, words: &str) {
    let error = result.expect_err(words);
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidInput, words));
    assert_eq!(Problem::from(error).status(), 422);
}

pub(crate) async fn a_number_that_is_none_is_no_value<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        told(tx.set(&RATE, number, "a").await, "rate holds a number that is none");
        let list = vec![None, Some(1.0), Some(number)];
        told(tx.set(&RATES, list, "a").await, "rates holds a number that is none");
    }
    // Every other comes back as it was, to its last bit.
    let numbers = [f64::MAX, f64::MIN_POSITIVE, 5e-324, 0.1 + 0.2, 9_007_199_254_740_993.0, -0.5];
    let list: Vec<_> = [None].into_iter().chain(numbers.map(Some)).collect();
    tx.set(&RATE, f64::MAX, "a").await.unwrap();
    tx.set(&RATES, list.clone(), "a").await.unwrap();
    tx.commit().await.unwrap();
    let settings = db.read(tenant).settings().await.unwrap();
    assert_eq!(settings.get(&RATE).unwrap(), f64::MAX);
    assert_eq!(settings.get(&RATES).unwrap(), list);
}

pub(crate) async fn a_nul_character_is_told_before_anything_is_written<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    told(tx.set(&TITLE, "a\0b".into(), "a").await, "title holds a NUL character");
    for words in [[("k", "\0")], [("\0", "v")]] {
        let words = words.map(|(name, word)| (name.to_owned(), word.to_owned())).into();
        told(tx.set(&WORDS, words, "a").await, "words holds a NUL character");
    }
    told(tx.set(&TITLE, "a".into(), "a\0").await, "the actor holds control characters");
    told(tx.audit(AuditEntry::new("a\0", "x")).await, "the actor holds control characters");
    told(tx.audit(AuditEntry::new("a", "x\0")).await, "the action holds control characters");
    let change = AuditEntry::new("a", "x").change(json!({ "note": ["\0"] }));
    told(tx.audit(change).await, "change holds a NUL character");
    // Text that only looks like one is kept.
    tx.set(&TITLE, "\\u0000 \u{1}".into(), "a").await.unwrap();
    tx.commit().await.unwrap();
    let settings = db.read(tenant).settings().await.unwrap();
    assert_eq!(settings.get(&TITLE).unwrap(), "\\u0000 \u{1}");
    assert_eq!(db.read(tenant).entries().newest(9).await.unwrap().len(), 1);
}

pub(crate) async fn a_name_is_there_and_ends<DB: Db>(db: TenantDb<DB>) {
    const LONGEST: &str = "n123456789n123456789n123456789n123456789n123456789\
                           n123456789n123456789n123456789n123456789n123456789";
    const UNNAMED: Setting<u8> = Setting::new("", || 0);
    const SPOILT: Setting<u8> = Setting::new("a\0", || 0);
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let overlong = Setting::<u8>::new(format!("{LONGEST}x").leak(), || 0);
    told(tx.set(&UNNAMED, 1, "a").await, "the setting's name is empty");
    told(tx.set(&SPOILT, 1, "a").await, "the setting's name holds control characters");
    told(tx.set(&overlong, 1, "a").await, "the setting's name is too long");
    told(tx.reset(&UNNAMED, "a").await.map(drop), "the setting's name is empty");
    let longest = Setting::<u8>::new(LONGEST, || 0);
    tx.set(&longest, 1, "a").await.unwrap();
    assert_eq!(tx.settings().await.unwrap().get(&longest).unwrap(), 1);
}

/// PostgreSQL keeps numbers with all their digits.
pub(crate) async fn a_value_is_measured_as_it_is_kept<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let mut tx = db.tenant(tenant).await.unwrap();
    let many = |count: usize| vec![Some(1e300); count];
    told(tx.set(&RATES, many(60), "a").await, "rates takes 18121 bytes, more than 16384");
    tx.set(&RATES, many(50), "a").await.unwrap();
    tx.set(&RATES, many(54), "a").await.unwrap();
    let change = |count| AuditEntry::new("a", "x").change(json!(many(count)));
    told(tx.audit(change(220)).await, "change takes 66441 bytes, more than 65536");
    tx.audit(change(200)).await.unwrap();
    tx.commit().await.unwrap();
    let settings = db.read(tenant).settings().await.unwrap();
    assert_eq!(settings.get(&RATES).unwrap(), many(54));
    assert_eq!(db.read(tenant).entries().newest(9).await.unwrap().len(), 3);
}

/// Read back, one that is too deep would be an error for all the tenant's settings.
pub(crate) async fn a_value_is_only_so_deep<DB: Db>(db: TenantDb<DB>) {
    let tenant = fixture::tenant(&db).await;
    let deep = |levels: usize| (0..levels).fold(Value::Null, |inner, _| json!([inner]));
    let mut tx = db.tenant(tenant).await.unwrap();
    told(tx.set(&ANY, deep(100), "a").await, "any is nested too deeply");
    told(
        tx.audit(AuditEntry::new("a", "x").change(deep(101))).await,
        "change is nested too deeply",
    );
    tx.set(&ANY, deep(98), "a").await.unwrap();
    tx.set(&ANY, deep(99), "a").await.unwrap();
    tx.audit(AuditEntry::new("a", "x").change(deep(100))).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(db.read(tenant).settings().await.unwrap().get(&ANY).unwrap(), deep(99));
    assert_eq!(db.read(tenant).entries().newest(9).await.unwrap().len(), 3);
}

suite!(
    a_number_that_is_none_is_no_value,
    a_nul_character_is_told_before_anything_is_written,
    a_name_is_there_and_ends,
    a_value_is_measured_as_it_is_kept,
    a_value_is_only_so_deep,
);
