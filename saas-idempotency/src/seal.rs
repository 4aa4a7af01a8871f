//! Stored replies that nobody can read, move or alter who has the store alone.
//!
//! ```text
//! key id 4 | nonce 24 | ciphertext … | tag 16
//! ```
//!
//! XChaCha20-Poly1305 over a reply's stored form. The tag also covers whose record it is, what was
//! asked, and the status, which the store keeps beside it: a reply that is copied to another record
//! does not open there.

#[cfg(feature = "aead")]
mod keys;

#[cfg(feature = "aead")]
pub use keys::SealingKeys;

use std::borrow::Cow;

use crate::engine::Ticket;
use crate::store::Outcome;
use crate::{Policy, Reply};

/// Why a stored reply was not opened: for logs, never for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It is sealed, and the policy has no keys, or the crate was built without `aead`.
    #[error("it is sealed and there are no keys")]
    NoKeys,
    /// Its key is not, or no longer, in the ring.
    #[error("it was sealed with an unknown key")]
    UnknownKey,
    /// It was altered, or belongs to another record.
    #[error("it was altered or belongs to another record")]
    Forged,
    /// It is not sealed, and the policy has keys.
    #[error("it is not sealed")]
    Unsealed,
}

impl Policy {
    /// The form in which an outcome is stored.
    pub(crate) fn seal<'o>(&self, ticket: &Ticket, outcome: &'o Outcome) -> Cow<'o, Outcome> {
        #[cfg(feature = "aead")]
        if let (Some(keys), Outcome::Reply(reply)) = (&self.keys, outcome) {
            let sealed = keys.seal(ticket, reply, keys::nonce());
            // A reply beyond 256 gigabytes does not seal.
            let not_kept = Outcome::NotKept { status: reply.status() };
            return Cow::Owned(sealed.map_or(not_kept, Outcome::Reply));
        }
        let _ = ticket;
        Cow::Borrowed(outcome)
    }

    /// The reply behind a stored form. One that does not open is an error, and never leave to run.
    pub(crate) fn open(&self, ticket: &Ticket, reply: Reply) -> Result<Reply, SealError> {
        #[cfg(feature = "aead")]
        if let Some(keys) = &self.keys {
            return keys.open(ticket, reply);
        }
        let _ = ticket;
        if reply.sealed().is_some() { Err(SealError::NoKeys) } else { Ok(reply) }
    }
}
