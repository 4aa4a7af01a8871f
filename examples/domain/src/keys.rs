//! Secrets that machines hold: made at random, shown once, kept as a hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A new secret of 256 random bits, with a prefix that tells a reader (and a secret scanner) what it
/// is.
pub fn new_secret(prefix: &str) -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// What is kept of a secret. A fast hash will do: 256 random bits cannot be guessed.
pub fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret).to_vec()
}

/// Whether a secret has this hash, in time that does not depend on where they differ.
pub fn matches(secret: &str, kept: &[u8]) -> bool {
    hash(secret).ct_eq(kept).into()
}
