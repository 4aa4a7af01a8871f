//! What is decided before and after the store is asked, in plain values: no framework, no I/O.

use std::borrow::Cow;
use std::sync::Arc;

use saas_core::Clock;
use uuid::Uuid;

use crate::fingerprint::Unfinished;
use crate::handle::Idempotency;
use crate::key::Key;
use crate::store::{Attempt, Claimed, Lease, Outcome, Record};
use crate::{Coverage, Error, Fingerprint, Keep, Policy, RecordId, Reply, Scope};

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
        let coverage = policy.coverage(head.method, head.target);
        if coverage == Coverage::Not {
            return Ok(Admission::Pass);
        }
        // Whoever did not call `checked` learns it here, and nothing runs by a policy like that.
        policy.flaw().map_or(Ok(()), |flaw| Err(Error::Policy(flaw)))?;
        let scope = head
            .scope
            .filter(|scope| policy.anonymous || !scope.is_anonymous())
            .ok_or(Error::MissingScope)?;
        let Some(key) = Key::parse(&head.keys)? else {
            return match coverage {
                Coverage::Required => Err(Error::MissingKey),
                _ => Ok(Admission::Keyless(Idempotency::new(self.clone(), None))),
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
            wait: match self.mode {
                Mode::Standalone => self.policy.wait,
                Mode::Atomic => self.policy.turn_wait(),
            },
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
                Ok(Err(self.policy.open(ticket, reply)?.into_replay()))
            }
            // The store waited for another's transaction; it knows no policy.
            Err(Error::InProgress { .. }) => Err(Error::InProgress { retry_after }),
            Err(error) => Err(error),
        }
    }

    /// The form in which this request's outcome is stored.
    pub(crate) fn seal<'o>(&self, ticket: &Ticket, outcome: &'o Outcome) -> Cow<'o, Outcome> {
        self.policy.seal(ticket, outcome)
    }

    /// Whether the response to this request is to be recorded by the shell.
    pub(crate) fn records(&self, handle: &Idempotency, status: u16, word: Option<Keep>) -> bool {
        if handle.ticket().is_none() || handle.is_settled() {
            return false;
        }
        let kept = self.policy.keeps(status, word);
        if kept && self.mode == Mode::Atomic && status < 400 {
            let repeated = if handle.has_claimed() { "a crash in between" } else { "every retry" };
            tracing::error!(
                status,
                "idempotency: a handler in atomic mode succeeded without recording its reply in its \
                 transaction; it is recorded afterwards, and {repeated} repeats its work"
            );
        }
        kept
    }
}

#[cfg(test)]
pub(crate) mod tests;
