//! What is decided before and after the store is asked, in plain values: no framework, no I/O.

use std::sync::Arc;

use saas_core::Clock;
use uuid::Uuid;

use crate::fingerprint::Unfinished;
use crate::handle::Idempotency;
use crate::key::Key;
use crate::store::{Attempt, Claimed, Lease, Outcome, Record};
use crate::{Error, Fingerprint, Keep, Policy, RecordId, Reply, Scope};

/// Who claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The shell, before the handler runs.
    Standalone,
    /// The handler, in its own transaction.
    Atomic,
}

/// How one layer treats its requests.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) policy: Policy,
    pub(crate) mode: Mode,
    pub(crate) clock: Arc<dyn Clock>,
    #[cfg(feature = "sqlx")]
    pub(crate) statements: saas_core::sql::Statements,
}

/// A request before its body was read.
pub(crate) struct Head<'a> {
    pub(crate) method: &'a str,
    /// Path and query.
    pub(crate) target: &'a str,
    pub(crate) content_type: Option<&'a [u8]>,
    pub(crate) content_length: Option<u64>,
    pub(crate) keys: Vec<&'a [u8]>,
    pub(crate) scope: Option<&'a Scope>,
}

/// What becomes of a request.
pub(crate) enum Admission {
    /// It is not covered.
    Pass,
    /// It has no key and needs none: it runs with a handle that does nothing.
    Keyless(Idempotency),
    /// Its body is wanted, up to the policy's cap.
    Keyed(Pending),
}

/// A request whose body is still to come.
pub(crate) struct Pending {
    id: RecordId,
    fingerprint: Unfinished,
}

/// Whose record it is, and what was asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    pub(crate) lease: Lease,
    pub(crate) fingerprint: Fingerprint,
}

impl Engine {
    /// Checks, in this order: scope, key, size.
    pub(crate) fn admit(self: &Arc<Self>, head: &Head<'_>) -> Result<Admission, Error> {
        let policy = &self.policy;
        if !policy.covers(head.method) {
            return Ok(Admission::Pass);
        }
        let scope = head
            .scope
            .filter(|scope| policy.anonymous || !scope.is_anonymous())
            .ok_or(Error::MissingScope)?;
        let Some(key) = Key::parse(&head.keys)? else {
            return match policy.required {
                true => Err(Error::MissingKey),
                false => Ok(Admission::Keyless(Idempotency::new(self.clone(), None))),
            };
        };
        self.fits(head.content_length.unwrap_or(0))?;
        let fingerprint =
            Unfinished::new(head.method, &policy.mount, head.target, head.content_type);
        Ok(Admission::Keyed(Pending { id: RecordId::new(scope, &key), fingerprint }))
    }

    /// Refuses a body beyond the cap.
    pub(crate) fn fits(&self, length: u64) -> Result<(), Error> {
        let cap = self.policy.request_cap;
        if length > cap as u64 { Err(Error::TooLarge { cap }) } else { Ok(()) }
    }

    /// The handle of a request that is complete.
    pub(crate) fn identify(self: &Arc<Self>, pending: Pending, body: &[u8]) -> Idempotency {
        let ticket = Ticket {
            lease: Lease { id: pending.id, token: Uuid::new_v4() },
            fingerprint: pending.fingerprint.with_body(body),
        };
        Idempotency::new(self.clone(), Some(ticket))
    }

    /// What the store is asked at this moment.
    pub(crate) fn attempt(&self, ticket: &Ticket) -> Attempt {
        let now = self.clock.now();
        Attempt {
            lease: ticket.lease,
            fingerprint: ticket.fingerprint,
            now,
            lease_until: self.policy.lease_until(now),
            expires_at: self.policy.expires_at(now),
            wait: self.policy.wait,
        }
    }

    /// What a store's answer means: run (`Ok(Ok(attempt))`), replay, or refuse.
    pub(crate) fn judge(
        &self,
        ticket: &Ticket,
        answer: Result<Claimed, Error>,
    ) -> Result<Result<u32, Reply>, Error> {
        let retry_after = self.policy.retry_after;
        match answer {
            Ok(Claimed::Won { attempt }) => Ok(Ok(attempt)),
            // First, whatever state the record is in: the key is not this request's.
            Ok(Claimed::Found(record)) if record.fingerprint != ticket.fingerprint => {
                Err(Error::Reused)
            }
            Ok(Claimed::Found(Record { outcome: None, .. })) => {
                Err(Error::InProgress { retry_after })
            }
            Ok(Claimed::Found(Record { outcome: Some(Outcome::NotKept { status }), .. })) => {
                Err(Error::NotKept { status })
            }
            Ok(Claimed::Found(Record { outcome: Some(Outcome::Reply(reply)), .. })) => {
                Ok(Err(reply.into_replay()))
            }
            // The store waited for another's transaction; it knows no policy.
            Err(Error::InProgress { .. }) => Err(Error::InProgress { retry_after }),
            Err(error) => Err(error),
        }
    }

    /// Whether the response to this request is to be recorded by the shell.
    pub(crate) fn records(&self, handle: &Idempotency, status: u16, word: Option<Keep>) -> bool {
        if handle.ticket().is_none() || handle.is_settled() {
            return false;
        }
        let kept = self.policy.keeps(status, word);
        if kept && self.mode == Mode::Atomic && status < 400 {
            tracing::error!(
                status,
                "idempotency: a handler in atomic mode succeeded without recording its reply in its \
                 transaction; it is recorded afterwards, and a crash in between repeats the request"
            );
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use saas_core::{ManualClock, TenantId};

    use super::*;

    fn engine(policy: Policy) -> Arc<Engine> {
        Arc::new(Engine {
            policy,
            mode: Mode::Standalone,
            clock: Arc::new(ManualClock::at(chrono::DateTime::UNIX_EPOCH)),
            #[cfg(feature = "sqlx")]
            statements: Default::default(),
        })
    }

    fn head<'a>(scope: Option<&'a Scope>, keys: &[&'a [u8]]) -> Head<'a> {
        Head {
            method: "POST",
            target: "/invoices?draft=1",
            content_type: Some(b"application/json"),
            content_length: None,
            keys: keys.to_vec(),
            scope,
        }
    }

    fn ticket(engine: &Arc<Engine>, head: &Head<'_>, body: &[u8]) -> Ticket {
        match engine.admit(head) {
            Ok(Admission::Keyed(pending)) => *engine.identify(pending, body).ticket().unwrap(),
            _ => panic!("not admitted"),
        }
    }

    #[test]
    fn the_scope_is_checked_before_the_key_and_the_key_before_the_size() {
        let engine = engine(Policy::default());
        let scope = Scope::tenant(TenantId::new());
        let huge = |head| Head { content_length: Some(u64::MAX), ..head };
        assert!(matches!(engine.admit(&huge(head(None, &[b""]))), Err(Error::MissingScope)));
        assert!(matches!(
            engine.admit(&huge(head(Some(&scope), &[b""]))),
            Err(Error::MalformedKey)
        ));
        assert!(matches!(engine.admit(&huge(head(Some(&scope), &[]))), Err(Error::MissingKey)));
        assert!(matches!(
            engine.admit(&huge(head(Some(&scope), &[b"k"]))),
            Err(Error::TooLarge { cap: 1_048_576 }),
        ));
    }

    #[test]
    fn anonymous_requests_need_the_policys_leave() {
        let scope = Scope::anonymous();
        let refused = engine(Policy::default()).admit(&head(Some(&scope), &[b"k"]));
        assert!(matches!(refused, Err(Error::MissingScope)));
        let taken = engine(Policy::default().allow_anonymous()).admit(&head(Some(&scope), &[b"k"]));
        assert!(matches!(taken, Ok(Admission::Keyed(_))));
    }

    #[test]
    fn a_mismatch_wins_over_in_progress_and_over_a_reply() {
        let engine = engine(Policy::default());
        let scope = Scope::tenant(TenantId::new());
        let one = ticket(&engine, &head(Some(&scope), &[b"k"]), b"one");
        let other = ticket(&engine, &head(Some(&scope), &[b"\"k\""]), b"other");
        assert_eq!(one.lease.id, other.lease.id);
        for outcome in [None, Some(Outcome::Reply(Reply::new(201)))] {
            let found = Claimed::Found(Record { fingerprint: other.fingerprint, outcome });
            assert!(matches!(engine.judge(&one, Ok(found)), Err(Error::Reused)));
        }
    }

    #[test]
    fn path_query_method_type_and_mount_belong_to_the_request() {
        let scope = Scope::tenant(TenantId::new());
        let plain = engine(Policy::default());
        let base = || head(Some(&scope), &[b"k"]);
        let of = |head: &Head<'_>| ticket(&plain, head, b"").fingerprint;
        assert_eq!(of(&base()), of(&base()));
        assert_ne!(of(&base()), of(&Head { target: "/invoices", ..base() }));
        assert_ne!(of(&base()), of(&Head { method: "PATCH", ..base() }));
        assert_ne!(of(&base()), of(&Head { content_type: None, ..base() }));
        let mounted = engine(Policy::default().mount("/v2"));
        assert_ne!(of(&base()), ticket(&mounted, &base(), b"").fingerprint);
    }
}
