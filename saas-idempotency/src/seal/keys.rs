use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::SealError;
use crate::Reply;
use crate::engine::Ticket;

const ID: usize = 4;
const NONCE: usize = 24;

/// What an application seals stored replies with: a ring of keys.
///
/// ```
/// use saas_idempotency::{Policy, SealingKeys};
///
/// # let (key, last_years) = ([7; 32], [6; 32]);
/// let policy = Policy::default().sealed(SealingKeys::new(key).older(last_years));
/// ```
///
/// To change the key: first add the new one as [`older`](Self::older) everywhere, then make it the
/// current one and the former `older`, and drop that when the retention has passed.
///
/// To begin sealing where records are stored already: turn it on with
/// [`allow_unsealed`](Self::allow_unsealed), and drop that when the retention has passed. While
/// processes without the key still run, a retry that reaches one of them is answered 500, and does
/// not execute.
#[derive(Clone)]
pub struct SealingKeys {
    current: Key,
    older: Vec<Key>,
    unsealed: bool,
}

impl SealingKeys {
    /// Seals and opens with `key`: 32 random bytes, the same in every process that shares the
    /// store.
    pub fn new(key: [u8; 32]) -> Self {
        Self { current: Key::new(&key), older: Vec::new(), unsealed: false }
    }

    /// Opens what `key` sealed, too.
    #[must_use]
    pub fn older(mut self, key: [u8; 32]) -> Self {
        self.older.push(Key::new(&key));
        self
    }

    /// Takes replies that are not sealed. Whoever can write to the store can then put replies of
    /// their own there.
    #[must_use]
    pub fn allow_unsealed(mut self) -> Self {
        self.unsealed = true;
        self
    }

    /// `None` only of a reply beyond the cipher's limit.
    pub(super) fn seal(&self, ticket: &Ticket, reply: &Reply, nonce: [u8; NONCE]) -> Option<Reply> {
        let Key { id, cipher } = &self.current;
        let (msg, aad) = (&reply.encode()[..], &binding(ticket, reply.status(), id)[..]);
        let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg, aad }).ok()?;
        Some(Reply::of_sealed(reply.status(), [&id[..], &nonce, &sealed].concat()))
    }

    pub(super) fn open(&self, ticket: &Ticket, reply: Reply) -> Result<Reply, SealError> {
        let Some(sealed) = reply.sealed() else {
            return if self.unsealed { Ok(reply) } else { Err(SealError::Unsealed) };
        };
        let (id, rest) = sealed.split_first_chunk::<ID>().ok_or(SealError::Forged)?;
        let (nonce, msg) = rest.split_first_chunk::<NONCE>().ok_or(SealError::Forged)?;
        let aad = &binding(ticket, reply.status(), id)[..];
        let mut known = std::iter::once(&self.current)
            .chain(&self.older)
            .filter(|key| key.id == *id)
            .peekable();
        known.peek().ok_or(SealError::UnknownKey)?;
        // More than one only where the ids of two keys, four bytes each, happen to be equal.
        let plain = known
            .find_map(|key| key.cipher.decrypt(&XNonce::from(*nonce), Payload { msg, aad }).ok())
            .ok_or(SealError::Forged)?;
        Reply::decode(reply.status(), plain).map_err(|_| SealError::Forged)
    }
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKeys")
            .field("older", &self.older.len())
            .field("unsealed", &self.unsealed)
            .finish_non_exhaustive()
    }
}

/// One key. Its id is derived from it: there is no second thing to configure, and no way to give
/// two keys one id.
#[derive(Clone)]
struct Key {
    id: [u8; ID],
    cipher: XChaCha20Poly1305,
}

impl Key {
    fn new(key: &[u8; 32]) -> Self {
        // Of the application's key in each case another digest, so that the same bytes may sign
        // cursors elsewhere.
        let derived = |purpose: &[u8]| -> [u8; 32] {
            let digest = Sha256::new_with_prefix(b"saas-idempotency sealing v1 ");
            digest.chain_update(purpose).chain_update(key).finalize().into()
        };
        let [a, b, c, d, ..] = derived(b"id");
        Self { id: [a, b, c, d], cipher: XChaCha20Poly1305::new(&derived(b"cipher").into()) }
    }
}

/// What a reply is bound to. Every part has a length of its own.
fn binding(ticket: &Ticket, status: u16, key: &[u8; ID]) -> Vec<u8> {
    [
        &b"saas-idempotency reply v1"[..],
        key,
        ticket.lease.id.tenant().as_bytes(),
        ticket.lease.id.digest(),
        ticket.fingerprint.as_bytes(),
        &status.to_be_bytes(),
    ]
    .concat()
}

/// 184 of its 192 bits are random: enough for any number of replies under one key.
pub(super) fn nonce() -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    nonce[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    nonce[16..].copy_from_slice(&Uuid::new_v4().as_bytes()[8..]);
    nonce
}

#[cfg(test)]
mod tests;
