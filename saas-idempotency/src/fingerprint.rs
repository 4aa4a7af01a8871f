use std::fmt;

use sha2::{Digest, Sha256};

/// The version of the scheme, the first byte of every fingerprint.
const V1: u8 = 1;

/// What a request asked, as a digest: the same key with another fingerprint is a client's mistake.
///
/// A version byte and SHA-256 over the length-prefixed method, path and query, content type and
/// body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 33]);

impl Fingerprint {
    /// The version byte and the digest.
    pub fn as_bytes(&self) -> &[u8; 33] {
        &self.0
    }

    /// A fingerprint that a store gives back; `None` where the length is not 33.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}

/// A fingerprint that still lacks the body.
#[derive(Clone)]
pub(crate) struct Unfinished(Sha256);

impl Unfinished {
    pub(crate) fn new(
        method: &str,
        mount: &str,
        target: &str,
        content_type: Option<&[u8]>,
    ) -> Self {
        let mut digest = Sha256::new_with_prefix(b"saas-idempotency fingerprint v1");
        put(&mut digest, method.as_bytes());
        put(&mut digest, mount.as_bytes());
        put(&mut digest, target.as_bytes());
        put(&mut digest, content_type.unwrap_or_default());
        Self(digest)
    }

    pub(crate) fn with_body(mut self, body: &[u8]) -> Fingerprint {
        put(&mut self.0, body);
        let mut bytes = [V1; 33];
        bytes[1..].copy_from_slice(&self.0.finalize());
        Fingerprint(bytes)
    }
}

/// With its length in front, so that no two lists of parts read the same.
fn put(digest: &mut Sha256, part: &[u8]) {
    digest.update((part.len() as u64).to_be_bytes());
    digest.update(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(parts: &[String; 4]) -> Fingerprint {
        Unfinished::new(&parts[0], "", &parts[1], Some(parts[2].as_bytes()))
            .with_body(parts[3].as_bytes())
    }

    #[test]
    fn it_begins_with_its_version() {
        assert_eq!(of(&[const { String::new() }; 4]).as_bytes()[0], 1);
    }

    proptest! {
        #[test]
        fn fingerprints_are_equal_just_where_requests_are(
            one in prop::array::uniform4("[ab]{0,2}"),
            other in prop::array::uniform4("[ab]{0,2}"),
        ) {
            prop_assert_eq!(of(&one) == of(&other), one == other);
        }
    }
}
