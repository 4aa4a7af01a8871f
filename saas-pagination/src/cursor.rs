//! Cursors: opaque to clients, signed, bound to one list of one tenant.
//!
//! ```text
//! version 1 | key id 4 | binding 4 | expires 4 | values … | signature 16      URL-safe base64
//! version 2 | the same, the values encrypted
//! ```
//!
//! The signature is HMAC-SHA-256 over all of it and over the whole binding: resource, sort, filters
//! and scope. It is cut to 16 bytes, the shortest that RFC 2104 (section 5) allows: a forger who
//! cannot try offline, but must send each attempt, still has one chance in 2^128. The four bytes of
//! the binding protect nothing; they let the log tell a foreign cursor from a forged one.
//! Values are signed, not secret: a client that decodes its own cursor reads what its page showed;
//! unless they are encrypted, as `cipher.rs` says.

mod binding;
#[cfg(feature = "aead")]
mod cipher;
mod codec;
mod keys;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Error, Value};

pub(crate) use binding::Binding;
pub(crate) use codec::put;
pub use keys::Cursors;
pub(crate) use keys::Secret;

/// Why a cursor was refused: for logs, never for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// Longer than any cursor; it was not even decoded.
    #[error("cursor is too long")]
    TooLong,
    /// Not URL-safe base64 without padding.
    #[error("cursor is not base64")]
    Encoding,
    /// Decoded, but not laid out as a cursor.
    #[error("cursor is malformed")]
    Malformed,
    /// Made by another version of this crate.
    #[error("cursor has unknown version {0}")]
    Version(u8),
    /// Signed with a key that is not, or no longer, in the ring.
    #[error("cursor was signed with an unknown key")]
    UnknownKey,
    /// Made for another list, sort, filter or tenant.
    #[error("cursor belongs to another list, sort, filter or tenant")]
    Foreign,
    /// The signature is wrong: forged, or damaged on the way.
    #[error("cursor is forged")]
    Forged,
    /// Too old.
    #[error("cursor has expired")]
    Expired,
}

const SIGNED: u8 = 1;
#[cfg(feature = "aead")]
const ENCRYPTED: u8 = 2;
const HEADER: usize = 13;
pub(crate) const SIGNATURE: usize = 16;
/// The greatest cursor, in bytes, and as base64 in characters.
const MAX_BYTES: usize = 1024;
pub(crate) const MAX_CHARS: usize = (MAX_BYTES * 4).div_ceil(3);

/// Makes the cursors of one request: the current key, bound to the list.
#[derive(Clone)]
pub(crate) struct Sealer {
    secret: Secret,
    binding: [u8; 32],
    expires: u32,
    version: u8,
}

impl Sealer {
    pub(crate) fn new(cursors: &Cursors, binding: &Binding) -> Self {
        let secret = cursors.current().clone();
        let binding = secret.bind(binding);
        Self { secret, binding, expires: cursors.expires(), version: cursors.version() }
    }

    /// Whether the row with these keys has a cursor.
    pub(crate) fn fits(&self, values: &[Value]) -> bool {
        self.unsigned(values).is_ok()
    }

    /// The cursor of the row with these keys.
    pub(crate) fn seal(&self, values: &[Value]) -> Result<String, Error> {
        let mut bytes = self.unsigned(values)?;
        let signature = self.secret.sign(&self.binding, &bytes);
        #[cfg(feature = "aead")]
        if self.version == ENCRYPTED {
            cipher::apply(&self.secret, &signature, &mut bytes[HEADER..]);
        }
        bytes.extend_from_slice(&signature);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn unsigned(&self, values: &[Value]) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(64);
        bytes.push(self.version);
        bytes.extend_from_slice(&self.secret.id());
        bytes.extend_from_slice(&self.binding[..4]);
        bytes.extend_from_slice(&self.expires.to_be_bytes());
        values.iter().for_each(|value| put(value, &mut bytes));
        if bytes.len() + SIGNATURE > MAX_BYTES {
            return Err(Error::KeyTooLong);
        }
        Ok(bytes)
    }
}

/// The keys in a cursor, if it is whole, ours, of this list, and not too old.
pub(crate) fn open(
    text: &str,
    cursors: &Cursors,
    binding: &Binding,
) -> Result<Vec<Value>, CursorError> {
    if text.len() > MAX_CHARS {
        return Err(CursorError::TooLong);
    }
    let mut bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError::Encoding)?;
    let (signed, signature) =
        bytes.split_last_chunk_mut::<SIGNATURE>().ok_or(CursorError::Malformed)?;
    let (header, values) =
        signed.split_first_chunk_mut::<HEADER>().ok_or(CursorError::Malformed)?;
    let [version, k0, k1, k2, k3, b0, b1, b2, b3, e0, e1, e2, e3] = *header;
    match version {
        SIGNED => {}
        #[cfg(feature = "aead")]
        ENCRYPTED => {}
        other => return Err(CursorError::Version(other)),
    }
    let secret = cursors.find([k0, k1, k2, k3]).ok_or(CursorError::UnknownKey)?;
    let digest = secret.bind(binding);
    if digest[..4] != [b0, b1, b2, b3] {
        return Err(CursorError::Foreign);
    }
    #[cfg(feature = "aead")]
    if version == ENCRYPTED {
        cipher::apply(secret, signature, values);
    }
    // Nothing looks at the values before this.
    if !secret.verify(&digest, [header, values], signature) {
        return Err(CursorError::Forged);
    }
    if cursors.has_passed(u32::from_be_bytes([e0, e1, e2, e3])) {
        return Err(CursorError::Expired);
    }
    codec::take_all(&mut &*values).ok_or(CursorError::Malformed)
}

#[cfg(test)]
mod tests;
