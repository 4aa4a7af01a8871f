//! What every shell does around a handler: asks the store before, and tells it after.

use std::sync::Arc;

use crate::engine::{Engine, Mode};
use crate::store::{Claimed, Outcome, Store};
use crate::{Error, Idempotency, Reply};

/// An engine and where its records are.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: Arc<dyn Store>,
}

impl Gate {
    /// Before the handler: `None` to run it, or the reply that was given before. In atomic mode the
    /// handler claims by itself.
    pub(crate) async fn open(&self, handle: &Idempotency) -> Result<Option<Reply>, Error> {
        let Some(ticket) = handle.ticket().filter(|_| self.engine.mode == Mode::Standalone) else {
            return Ok(None);
        };
        let answer = self.store.claim(&self.engine.attempt(ticket)).await;
        Ok(match self.engine.judge(ticket, answer)? {
            Ok(attempt) => {
                handle.set_attempt(attempt);
                None
            }
            Err(reply) => Some(reply),
        })
    }

    /// After a handler whose response is to be recorded: `None` to send it, or what stands in its
    /// place because another attempt got there first.
    pub(crate) async fn record(
        &self,
        handle: &Idempotency,
        outcome: &Outcome,
    ) -> Result<Option<Reply>, Error> {
        let Some(ticket) = handle.ticket() else { return Ok(None) };
        if self.engine.mode == Mode::Standalone {
            match self.store.complete(&ticket.lease, outcome).await {
                Ok(true) => return Ok(None),
                Ok(false) => tracing::error!(
                    "idempotency: an attempt outlived its lease and another took over; the request \
                     may have been executed twice"
                ),
                Err(error) => return unrecorded(&error),
            }
        }
        let answer = self.store.record(&self.engine.attempt(ticket), outcome).await;
        match answer {
            Ok(Claimed::Won { .. }) => Ok(None),
            Err(error @ (Error::Store(_) | Error::Contended | Error::Unreadable)) => {
                unrecorded(&error)
            }
            other => self.engine.judge(ticket, other).map(Result::err),
        }
    }

    /// After a handler whose response is not to be recorded: a retry may run at once.
    pub(crate) async fn release(&self, handle: &Idempotency) {
        let Some(ticket) = handle.ticket().filter(|_| self.engine.mode == Mode::Standalone) else {
            return;
        };
        if let Err(error) = self.store.release(&ticket.lease).await {
            // The lease lapses by itself.
            error.log();
        }
    }
}

/// The client gets its answer all the same; the lease stays, for nobody knows what the store holds.
fn unrecorded(error: &Error) -> Result<Option<Reply>, Error> {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "idempotency: a response was not recorded"
    );
    Ok(None)
}
