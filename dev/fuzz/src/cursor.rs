//! Anything as a cursor: as text, as base64 of anything, and signed by the right key over anything.
//!
//! It never panics, answers every refusal with the same document, and takes a cursor in one
//! spelling only.

#![no_main]

mod list;
mod read;
mod signed;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use list::{CURSORS, LIST, Row};
use saas_core::Problem;
use saas_pagination::Error;
use signed::{Column, HEADER, SIGNATURE, SORTS, signed};

static REFUSAL: LazyLock<String> = LazyLock::new(|| {
    signed::check();
    refusal("after=")
});

fuzz_target!(|data: &[u8]| {
    let [form, sort, rest @ ..] = data else { return };
    let (name, keys) = &SORTS[usize::from(*sort) % SORTS.len()];
    let text = match form & 3 {
        0 => percent(rest),
        1 => URL_SAFE_NO_PAD.encode(rest),
        2 => signed(1, keys, rest),
        _ => signed(2, keys, rest),
    };
    let side = if form & 4 == 0 { "after" } else { "before" };
    let query = format!("sort={name}&{side}={text}");
    match LIST.request(&query, &CURSORS, ()) {
        Err(Error::Parameter { name, .. }) if name == side => {
            assert_eq!(refusal(&query).replace("before", "after"), *REFUSAL);
        }
        Err(Error::QueryTooLong { .. }) => {}
        Err(error) => panic!("{query}: {error:?}"),
        Ok(request) => assert_eq!(request.cursor(&row(&text, keys)).unwrap(), text),
    }
});

fn refusal(query: &str) -> String {
    let error = LIST.request(query, &CURSORS, ()).unwrap_err();
    Problem::from(error).to_json()
}

/// The row that it is the cursor of.
fn row(text: &str, keys: &[Column]) -> Row {
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
    read::row(keys, &bytes[HEADER..bytes.len() - SIGNATURE])
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02x}")).collect()
}
