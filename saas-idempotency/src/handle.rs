use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::engine::{Engine, Ticket};

/// One request's idempotency, in the extensions of every covered request.
///
/// With axum it is an extractor. A request without a key, where the policy allows that, has one too:
/// it then claims and records nothing, so a handler is written once.
#[derive(Clone)]
pub struct Idempotency(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    ticket: Option<Ticket>,
    /// What `derive` starts from where there is no ticket.
    nonce: Uuid,
    attempt: AtomicU32,
    settled: AtomicBool,
}

impl Idempotency {
    pub(crate) fn new(engine: Arc<Engine>, ticket: Option<Ticket>) -> Self {
        Self(Arc::new(Inner {
            engine,
            ticket,
            nonce: Uuid::new_v4(),
            attempt: AtomicU32::new(1),
            settled: AtomicBool::new(false),
        }))
    }

    /// Whether the client sent a key.
    pub fn has_key(&self) -> bool {
        self.0.ticket.is_some()
    }

    /// Which attempt this is, from 1. A later one follows attempts that ended without a word: what
    /// they did outside the database is unknown. In atomic mode it is known after the claim.
    pub fn attempt(&self) -> u32 {
        self.0.attempt.load(Ordering::Relaxed)
    }

    /// A key for a call that this request makes elsewhere, to a payment provider say: 64 hexadecimal
    /// digits, the same on every attempt of this request, another for every label. Of a request
    /// without a key it is random.
    pub fn derive(&self, label: &str) -> String {
        let mut digest = Sha256::new_with_prefix(b"saas-idempotency derived key v1");
        match &self.0.ticket {
            Some(ticket) => {
                digest.update(ticket.lease.id.tenant().as_bytes());
                digest.update(ticket.lease.id.digest());
                digest.update(ticket.fingerprint.as_bytes());
            }
            None => digest.update(self.0.nonce.as_bytes()),
        }
        digest.update(label.as_bytes());
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    pub(crate) fn ticket(&self) -> Option<&Ticket> {
        self.0.ticket.as_ref()
    }

    /// Whether the shell has nothing left to record: the handler recorded its reply, replayed one,
    /// or was refused.
    pub(crate) fn is_settled(&self) -> bool {
        self.0.settled.load(Ordering::Acquire)
    }

    #[cfg(feature = "sqlx")]
    pub(crate) fn settle(&self, settled: bool) {
        self.0.settled.store(settled, Ordering::Release);
    }

    #[cfg(any(feature = "tower", feature = "sqlx"))]
    pub(crate) fn set_attempt(&self, attempt: u32) {
        self.0.attempt.store(attempt, Ordering::Relaxed);
    }
}

impl fmt::Debug for Idempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency").field("has_key", &self.has_key()).finish_non_exhaustive()
    }
}
