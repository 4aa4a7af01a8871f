use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::engine::{Engine, Ticket};

/// One request's idempotency, in the extensions of every covered request.
///
/// With axum and actix-web it is an extractor. A request without a key, where the policy allows
/// that, has one too: it then claims and records nothing, so a handler is written once.
///
/// It is of use until the request is answered: a task that the handler leaves behind can claim
/// nothing with it any more.
#[derive(Clone)]
pub struct Idempotency(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    ticket: Option<Ticket>,
    /// What `derive` starts from where there is no ticket.
    nonce: Uuid,
    attempt: AtomicU32,
    settled: AtomicBool,
    claimed: AtomicBool,
    closed: AtomicBool,
    client: OnceLock<Weak<()>>,
}

impl Idempotency {
    pub(crate) fn new(engine: Arc<Engine>, ticket: Option<Ticket>) -> Self {
        Self(Arc::new(Inner {
            engine,
            ticket,
            nonce: Uuid::new_v4(),
            attempt: AtomicU32::new(1),
            settled: AtomicBool::new(false),
            claimed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            client: OnceLock::new(),
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
    /// digits, the same on every attempt under this client's key, another for every label.
    ///
    /// It depends on scope, key and label alone, not on the body: a client that changes a request
    /// after a failure and sends it under its old key derives the old keys, and the provider, who
    /// remembers what they were used for, refuses. Of a request without a key it is random.
    pub fn derive(&self, label: &str) -> String {
        self.derived(label).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The same as a UUID (version 8), where a key must be short.
    pub fn derive_uuid(&self, label: &str) -> Uuid {
        let derived = self.derived(label);
        uuid::Builder::from_custom_bytes(std::array::from_fn(|at| derived[at])).into_uuid()
    }

    fn derived(&self, label: &str) -> [u8; 32] {
        let mut digest = Sha256::new_with_prefix(b"saas-idempotency derived key v1");
        // Which of the two it is, and parts of fixed length: no label can continue one into the
        // other.
        match &self.0.ticket {
            Some(ticket) => {
                digest.update([1]);
                digest.update(ticket.lease.id.tenant().as_bytes());
                digest.update(ticket.lease.id.digest());
            }
            None => {
                digest.update([0]);
                digest.update(self.0.nonce.as_bytes());
            }
        }
        digest.update((label.len() as u64).to_be_bytes());
        digest.update(label.as_bytes());
        digest.finalize().into()
    }

    /// Held by the shell for as long as the client is there.
    pub(crate) fn client(&self) -> Arc<()> {
        let here = Arc::new(());
        // A shell does it once.
        let _ = self.0.client.set(Arc::downgrade(&here));
        here
    }

    pub(crate) fn client_is_gone(&self) -> bool {
        self.0.client.get().is_some_and(|client| client.strong_count() == 0)
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

    /// Whether the handler claimed or recorded by itself.
    pub(crate) fn has_claimed(&self) -> bool {
        self.0.claimed.load(Ordering::Acquire)
    }

    #[cfg(feature = "sqlx")]
    pub(crate) fn claims(&self) {
        self.0.claimed.store(true, Ordering::Release);
    }

    /// The request was answered: nothing is claimed for it any more.
    #[cfg(feature = "shell")]
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
    }

    #[cfg(feature = "sqlx")]
    pub(crate) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    #[cfg(feature = "sqlx")]
    pub(crate) fn settle(&self, settled: bool) {
        self.0.settled.store(settled, Ordering::Release);
    }

    #[cfg(any(feature = "shell", feature = "sqlx"))]
    pub(crate) fn set_attempt(&self, attempt: u32) {
        if attempt > 1 {
            tracing::warn!(
                attempt,
                "idempotency: earlier attempts of a request ended without a word"
            );
        }
        self.0.attempt.store(attempt, Ordering::Relaxed);
    }
}

impl fmt::Debug for Idempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency").field("has_key", &self.has_key()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use saas_core::TenantId;

    use super::*;
    use crate::engine::tests::{engine, handle};
    use crate::{Policy, Scope};

    #[test]
    fn derived_keys_are_the_same_for_each_attempt_and_another_for_each_label_key_and_scope() {
        let scope = Scope::tenant(TenantId::new());
        let first = handle(&scope, "k", "body");
        let charge = first.derive("charge");
        assert_eq!(charge, handle(&scope, "k", "body").derive("charge"));
        assert_eq!(charge, handle(&scope, "\"k\"", "changed").derive("charge"));
        let stranger = Scope::tenant(TenantId::new());
        for other in [
            first.derive("charge "),
            first.derive(""),
            handle(&scope, "other", "body").derive("charge"),
            handle(&stranger, "k", "body").derive("charge"),
            handle(&scope.principal("ann"), "k", "body").derive("charge"),
        ] {
            assert_ne!(charge, other);
        }
    }

    #[test]
    fn a_derived_uuid_is_a_valid_one_and_stable() {
        let scope = Scope::user("ann");
        let of = |label| handle(&scope, "k", "body").derive_uuid(label);
        assert_eq!(of("charge"), of("charge"));
        assert_ne!(of("charge"), of("refund"));
        assert_eq!(of("charge").get_version_num(), 8);
    }

    #[test]
    fn a_derived_key_is_what_it_was_in_the_last_release() {
        let scope = Scope::user("ann");
        assert_eq!(
            handle(&scope, "k", "body").derive("charge"),
            "ff9d7b3756cfdf1e81ed422b8cb7a8c40fedfe2c0b773b552a24db4844a3afa5",
        );
    }

    #[test]
    fn without_a_clients_key_derived_keys_are_random_but_stable_within_the_request() {
        let keyless = || Idempotency::new(engine(Policy::default()), None);
        let one = keyless();
        assert_eq!(one.derive("charge"), one.derive("charge"));
        assert_ne!(one.derive("charge"), keyless().derive("charge"));
    }

    #[test]
    fn a_client_is_there_until_its_shell_lets_go_of_it() {
        let handle = Idempotency::new(engine(Policy::default()), None);
        assert!(!handle.client_is_gone());
        let client = handle.client();
        assert!(!handle.client_is_gone());
        drop(client);
        assert!(handle.client_is_gone());
    }
}
