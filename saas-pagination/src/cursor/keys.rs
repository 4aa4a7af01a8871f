use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use saas_core::{Clock, SystemClock, truncate_to_micros};
use sha2::Sha256;

use super::{Binding, SIGNATURE, SIGNED};
use crate::Error;

/// What an application seals and opens cursors with: a ring of secrets, and how long cursors live.
///
/// ```
/// use std::time::Duration;
/// use saas_pagination::Cursors;
///
/// # fn main() -> Result<(), saas_pagination::Error> {
/// # let (secret, last_years) = ([7; 32], [6; 32]);
/// let cursors = Cursors::new(secret)?.older(last_years)?.expire_after(Duration::from_secs(86_400));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Cursors {
    current: Secret,
    older: Vec<Secret>,
    lifetime: Option<Duration>,
    clock: Arc<dyn Clock>,
    version: u8,
}

impl Cursors {
    /// Seals and opens with `secret`: 32 random bytes or more, the same in every process. Whoever
    /// knows it can make cursors. Cursors do not expire.
    ///
    /// # Errors
    /// [`Error::WeakSecret`] for fewer than 32 bytes.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, Error> {
        Ok(Self {
            current: Secret::new(secret.as_ref())?,
            older: Vec::new(),
            lifetime: None,
            clock: Arc::new(SystemClock),
            version: SIGNED,
        })
    }

    /// Opens what `secret` sealed, too. To change the secret: first add the new one as `older`
    /// everywhere, then make it the current one and the former `older`, and drop that when its
    /// cursors are no longer in use.
    ///
    /// # Errors
    /// [`Error::WeakSecret`] for fewer than 32 bytes.
    pub fn older(mut self, secret: impl AsRef<[u8]>) -> Result<Self, Error> {
        self.older.push(Secret::new(secret.as_ref())?);
        Ok(self)
    }

    /// Refuses cursors older than this, in whole seconds, rounded up.
    #[must_use]
    pub fn expire_after(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Makes cursors whose sort keys nobody can read but who has the secret; no longer than those
    /// that are only signed. Opens both kinds.
    ///
    /// A client can still tell how many bytes the keys take, and that two cursors are of the same
    /// row. Before the first process makes such cursors, every process must have the feature `aead`.
    #[cfg(feature = "aead")]
    #[cfg_attr(docsrs, doc(cfg(feature = "aead")))]
    #[must_use]
    pub fn encrypted(mut self) -> Self {
        self.version = super::ENCRYPTED;
        self
    }

    /// Tells the time by another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The present moment, as precisely as PostgreSQL keeps one.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        truncate_to_micros(self.clock.now())
    }

    pub(super) fn version(&self) -> u8 {
        self.version
    }

    pub(super) fn current(&self) -> &Secret {
        &self.current
    }

    pub(super) fn find(&self, id: [u8; 4]) -> Option<&Secret> {
        std::iter::once(&self.current).chain(&self.older).find(|secret| secret.id == id)
    }

    /// When a cursor made now expires, in seconds since 1970; 0 is never.
    pub(super) fn expires(&self) -> u32 {
        let Some(lifetime) = self.lifetime else { return 0 };
        let seconds = lifetime.as_secs().saturating_add(u64::from(lifetime.subsec_nanos() > 0));
        let now = u64::try_from(self.clock.now().timestamp()).unwrap_or(0);
        // What lives beyond 2106 lives for ever.
        u32::try_from(now.saturating_add(seconds)).unwrap_or(0)
    }

    pub(super) fn has_passed(&self, expires: u32) -> bool {
        expires != 0 && self.clock.now().timestamp() > i64::from(expires)
    }
}

impl fmt::Debug for Cursors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursors")
            .field("older", &self.older.len())
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// One secret, keyed once. Its id is derived from it: there is no second thing to configure, and no
/// way to give two secrets one id.
#[derive(Clone)]
pub(crate) struct Secret {
    mac: Hmac<Sha256>,
    id: [u8; 4],
}

/// What a MAC is for is its first byte, so that none can be passed off as another.
const FOR_ID: u8 = 1;
const FOR_BINDING: u8 = 2;
const FOR_CURSOR: u8 = 3;
#[cfg(feature = "aead")]
const FOR_CIPHER: u8 = 4;

impl Secret {
    fn new(secret: &[u8]) -> Result<Self, Error> {
        if secret.len() < 32 {
            return Err(Error::WeakSecret);
        }
        // HMAC takes a key of any length; the error cannot happen.
        let mac = Hmac::new_from_slice(secret).map_err(|_| Error::WeakSecret)?;
        let mut secret = Self { mac, id: [0; 4] };
        let [a, b, c, d, ..] = secret.over(FOR_ID, &[b"saas-pagination"]);
        secret.id = [a, b, c, d];
        Ok(secret)
    }

    pub(super) fn id(&self) -> [u8; 4] {
        self.id
    }

    pub(super) fn bind(&self, binding: &Binding) -> [u8; 32] {
        self.over(FOR_BINDING, &[binding.bytes()])
    }

    pub(super) fn sign(&self, binding: &[u8; 32], signed: &[u8]) -> [u8; SIGNATURE] {
        let digest = self.over(FOR_CURSOR, &[binding, signed]);
        let mut signature = [0; SIGNATURE];
        signature.copy_from_slice(&digest[..SIGNATURE]);
        signature
    }

    #[cfg(feature = "aead")]
    pub(super) fn cipher_key(&self) -> [u8; 32] {
        self.over(FOR_CIPHER, &[])
    }

    /// In constant time.
    pub(super) fn verify(
        &self,
        binding: &[u8; 32],
        [header, values]: [&[u8]; 2],
        signature: &[u8; SIGNATURE],
    ) -> bool {
        let mac = self.keyed(FOR_CURSOR, &[binding, header, values]);
        mac.verify_truncated_left(signature).is_ok()
    }

    fn over(&self, purpose: u8, parts: &[&[u8]]) -> [u8; 32] {
        self.keyed(purpose, parts).finalize().into_bytes().into()
    }

    fn keyed(&self, purpose: u8, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(&[purpose]);
        parts.iter().for_each(|part| mac.update(part));
        mac
    }
}
