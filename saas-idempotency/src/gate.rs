//! What every shell does around a handler: asks the store before, and tells it after.

use std::sync::Arc;
use std::time::Duration;

use saas_core::Problem;
use tokio::task::JoinError;

use crate::engine::{Engine, Mode, Ticket};
use crate::heartbeat::Heartbeat;
use crate::in_flight::InFlight;
use crate::line::{Lines, Place};
use crate::metrics::{self, Call};
use crate::store::{Attempt, Claimed, Lease, Outcome, Store};
use crate::{Error, Idempotency, Keep, Reply, wait};

/// An engine and where its records are.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) lines: Lines,
    pub(crate) in_flight: InFlight,
}

/// Leave to run the handler, held until its response is recorded.
#[must_use]
#[derive(Default)]
pub(crate) struct Opened {
    _heartbeat: Option<Heartbeat>,
    _place: Option<Place>,
}

impl Gate {
    /// Before the handler: leave to run it, or what is answered in its place.
    pub(crate) async fn open(&self, handle: &Idempotency) -> Result<Opened, Reply> {
        match self.engine.mode {
            Mode::Standalone => self.claim(handle).await,
            // The handler claims by itself.
            _ => self.queue(handle).await,
        }
    }

    async fn claim(&self, handle: &Idempotency) -> Result<Opened, Reply> {
        let Some(ticket) = handle.ticket() else { return Ok(Opened::default()) };
        match wait::for_reply(handle, || self.look(ticket)).await {
            Ok(Ok(attempt)) => {
                handle.set_attempt(attempt);
                let heartbeat = Heartbeat::start(self.clone(), ticket.lease).await;
                Ok(Opened { _heartbeat: Some(heartbeat), _place: None })
            }
            Ok(Err(reply)) => {
                metrics::request("replayed");
                Err(reply)
            }
            Err(error) => Err(self.refusal(&error)),
        }
    }

    async fn look(&self, ticket: &Ticket) -> Result<Result<u32, Reply>, Error> {
        let attempt = self.engine.attempt(ticket);
        let _place = self.place(&attempt).await?;
        let call = metrics::timed(Call::Claim, self.store.claim(&attempt));
        let answer = self.in_time(attempt.wait, call).await;
        if let Err(Error::Store(_)) = answer {
            self.renounce(ticket.lease);
        }
        self.engine.judge(ticket, answer)
    }

    async fn queue(&self, handle: &Idempotency) -> Result<Opened, Reply> {
        let Some(ticket) = handle.ticket() else { return Ok(Opened::default()) };
        let place = self.place(&self.engine.attempt(ticket)).await;
        let place = place.map_err(|error| self.refusal(&error))?;
        Ok(Opened { _heartbeat: None, _place: Some(place) })
    }

    /// Waits behind the duplicates that came before, so that they do not ask for more connections
    /// than there are.
    async fn place(&self, attempt: &Attempt) -> Result<Place, Error> {
        let retry_after = self.engine.policy.retry_after;
        let place = self.lines.take(attempt.lease.id, attempt.wait).await;
        place.ok_or(Error::InProgress { retry_after })
    }

    /// After the handler: whether its response is to be recorded. If not, a retry may run at once.
    pub(crate) async fn keeps(
        &self,
        handle: &Idempotency,
        status: u16,
        word: Option<Keep>,
    ) -> bool {
        let kept = self.engine.records(handle, status, word);
        if !kept {
            if handle.ticket().is_some() && !handle.is_settled() {
                metrics::request("released");
            }
            handle.close();
            self.release(handle).await;
        }
        kept
    }

    /// Records a response: `None` to send it, or what stands in its place because another attempt
    /// got there first.
    pub(crate) async fn record(&self, handle: &Idempotency, outcome: Outcome) -> Option<Reply> {
        let ticket = handle.ticket()?;
        // Whatever it claims from now on would come too late.
        handle.close();
        // Without a claim it ran although another attempt had been answered.
        let blind =
            self.engine.mode == Mode::Atomic && outcome.status() < 400 && !handle.has_claimed();
        let sealed = self.engine.seal(ticket, &outcome);
        let (ending, instead) = match self.write(ticket, &sealed).await {
            (_, Some(_)) if blind => {
                let error = Error::Misuse("a handler in atomic mode runs again: it never claims");
                (error.outcome(), Some(self.told(&error)))
            }
            written => written,
        };
        metrics::request(ending);
        instead
    }

    async fn write(&self, ticket: &Ticket, outcome: &Outcome) -> (&'static str, Option<Reply>) {
        let mut fenced = false;
        if self.engine.mode == Mode::Standalone {
            let call = metrics::timed(Call::Complete, self.store.complete(&ticket.lease, outcome));
            match self.in_time(Duration::ZERO, call).await {
                Ok(true) => return ("executed", None),
                Ok(false) => {
                    fenced = true;
                    tracing::error!(
                        "idempotency: an attempt outlived its lease and another took over; the \
                         request may have been executed twice"
                    );
                }
                Err(error) => return unrecorded(&error),
            }
        }
        let attempt = self.engine.attempt(ticket);
        let answer = self.in_time(attempt.wait, self.store.record(&attempt, outcome)).await;
        let (ending, instead) = match answer {
            Ok(Claimed::Won { .. }) => ("executed", None),
            Err(error @ (Error::Store(_) | Error::Contended | Error::Unreadable)) => {
                unrecorded(&error)
            }
            other => match self.engine.judge(ticket, other) {
                Ok(verdict) => ("replayed", verdict.err()),
                Err(error) => (error.outcome(), Some(self.told(&error))),
            },
        };
        (if fenced { "fenced" } else { ending }, instead)
    }

    /// After a handler whose response is not to be recorded.
    pub(crate) async fn release(&self, handle: &Idempotency) {
        if let Some(ticket) = handle.ticket().filter(|_| self.engine.mode == Mode::Standalone) {
            self.give_back(ticket.lease).await;
        }
    }

    /// An error in the handler's place.
    pub(crate) fn refusal(&self, error: &Error) -> Reply {
        metrics::request(error.outcome());
        self.told(error)
    }

    /// An error as a reply, the operator told.
    fn told(&self, error: &Error) -> Reply {
        error.log();
        let reply = Reply::from(Problem::from(error));
        match &self.engine.policy.documentation {
            Some(url) if matches!(error.status(), 400 | 409 | 422) => {
                reply.header("link", format!("<{url}>; rel=\"describedby\""))
            }
            _ => reply,
        }
    }

    /// A claim that nobody waits for any more may have been won all the same: its request did not
    /// run, so a retry may.
    fn renounce(&self, lease: Lease) {
        let gate = self.clone();
        tokio::spawn(async move { gate.give_back(lease).await });
    }

    async fn give_back(&self, lease: Lease) {
        if let Err(error) = self.in_time(Duration::ZERO, self.store.release(&lease)).await {
            // The lease lapses by itself.
            error.log();
        }
    }

    /// A store that does not answer is a store that is down. `wait` is what it was asked to wait.
    pub(crate) async fn in_time<T>(
        &self,
        wait: Duration,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let bound = self.engine.policy.store_timeout.saturating_add(wait);
        let late = |_| Err(Error::Store("no answer in time".into()));
        tokio::time::timeout(bound, call).await.unwrap_or_else(late)
    }
}

/// What came of the task that runs a request. Its panic passes on; its lease stays until it lapses,
/// for what was done before is unknown.
pub(crate) fn joined<T>(result: Result<T, JoinError>) -> Result<T, Reply> {
    match result.map_err(JoinError::try_into_panic) {
        Ok(response) => Ok(response),
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_shutting_down)) => Err(Problem::from(Error::Contended).into()),
    }
}

/// The client gets its answer all the same; the lease stays, for nobody knows what the store holds.
fn unrecorded(error: &Error) -> (&'static str, Option<Reply>) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "idempotency: a response was not recorded"
    );
    ("unrecorded", None)
}
