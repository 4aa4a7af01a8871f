//! What only the holder of the secret can make, written a second time: a cursor of anything.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::list::{CURSORS, LIST, Row, SECRET};

/// Name, whether it descends, whether it can be NULL (1) and then stands first (2), kind.
pub type Column = (&'static str, u8, u8, u8);

pub const HEADER: usize = 13;
pub const SIGNATURE: usize = 16;

const ID: Column = ("id", 0, 0, 1);

pub const SORTS: [(&str, &[Column]); 9] = [
    ("whole", &[("whole", 0, 1, 1), ID]),
    ("float", &[("float", 0, 1, 2), ID]),
    ("flag", &[("flag", 0, 1, 3), ID]),
    ("text", &[("text", 0, 1, 4), ID]),
    ("bytes", &[("bytes", 0, 1, 5), ID]),
    ("uuid", &[("uuid", 0, 1, 6), ID]),
    ("moment", &[("moment", 0, 1, 7), ID]),
    ("day", &[("day", 0, 1, 8), ID]),
    ("several", &[("text", 0, 2, 4), ("moment", 1, 1, 7), ("float", 0, 1, 2), ID]),
];

/// A cursor of the sort by `keys` that holds `content` where the values belong: of version 1, or of
/// version 2, which is decrypted before its signature is looked at.
pub fn signed(version: u8, keys: &[Column], content: &[u8]) -> String {
    let digest = mac(2, &[&binding(keys)]);
    let mut bytes = vec![version];
    bytes.extend_from_slice(&mac(1, &[b"saas-pagination"])[..4]);
    bytes.extend_from_slice(&digest[..4]);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(content);
    let signature = mac(3, &[&digest, &bytes]);
    bytes.extend_from_slice(&signature[..SIGNATURE]);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// That it is still the crate's own form, without which nothing would be tried.
pub fn check() {
    for (name, keys) in SORTS {
        let request = LIST.request(&format!("sort={name}"), &CURSORS, ()).unwrap();
        let nulls = keys.len() - 1;
        let mut content = vec![0; nulls];
        content.extend_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(request.cursor(&Row::default()).unwrap(), signed(1, keys, &content), "{name}");
    }
}

fn binding(keys: &[Column]) -> Vec<u8> {
    let mut binding = Vec::new();
    let text = |bytes: &[u8], binding: &mut Vec<u8>| {
        binding.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        binding.extend_from_slice(bytes);
    };
    text(b"fuzzed", &mut binding);
    text(&[0], &mut binding);
    binding.push(keys.len() as u8);
    for (column, descending, nulls, kind) in keys {
        text(column.as_bytes(), &mut binding);
        binding.extend_from_slice(&[*descending, *nulls, *kind]);
    }
    binding
}

fn mac(purpose: u8, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).unwrap();
    mac.update(&[purpose]);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
