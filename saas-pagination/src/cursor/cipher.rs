//! Values that a client cannot read.
//!
//! Built as the SIV mode is (Rogaway and Shrimpton, "Deterministic Authenticated-Encryption", 2006;
//! RFC 5297 is one of it): the signature over the plain values is the nonce under which they are
//! encrypted, by XChaCha20 with a key of its own, and after decrypting it is computed again. So there
//! is no randomness to get wrong, and a cursor is no longer than one that is only signed. Two cursors
//! would have to agree in 128 bits of signature to share a nonce without being the same.
//!
//! What it leaks: how many bytes the values take, and, as the same row gives the same cursor until
//! its time of expiry or its secret differs, whether two cursors are of the same row.

use chacha20::XChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};

use super::{SIGNATURE, Secret};

/// Encrypts or decrypts, which is the same.
pub(super) fn apply(secret: &Secret, signature: &[u8; SIGNATURE], values: &mut [u8]) {
    let mut nonce = [0; 24];
    nonce[..SIGNATURE].copy_from_slice(signature);
    XChaCha20::new(&secret.cipher_key().into(), &nonce.into()).apply_keystream(values);
}
