//! Atomic mode: the record commits with the business rows, or neither does.

use crate::backend::{self, Place, Records};
use crate::engine::{Mode, Ticket};
use crate::metrics::{self, Call};
use crate::store::Outcome;
use crate::{Error, Idempotency, Reply};

/// What a claim inside the caller's transaction came to.
#[derive(Debug)]
#[must_use = "a request runs only on a fresh claim"]
pub enum Claim {
    /// Nobody executed this request: do it, record the reply, commit.
    Fresh(Turn),
    /// It was executed, with this reply. Drop the transaction and answer.
    Replay(Reply),
}

/// The one turn to execute a request, held by the open transaction in which it was claimed.
#[derive(Debug)]
pub struct Turn {
    handle: Idempotency,
}

impl Idempotency {
    /// Runs `work` at most once, in the caller's transaction: claims the key, runs it, records its
    /// reply. The caller commits, and only then is anything true. A retry gets the reply back
    /// without running `work`.
    ///
    /// `tx` is any transaction: sqlx's own, or another crate's that lends its connection. It goes
    /// in and comes out by value, so that after an error there is none left to commit: nothing
    /// stays of what was done. What is final of such an answer, a 404 say, the layer records by
    /// itself.
    ///
    /// A second attempt waits for the first one's transaction, no longer than
    /// [`Policy::wait`](crate::Policy::wait), and then gets its reply or
    /// [`Error::InProgress`](crate::Error::InProgress).
    /// A transaction of PostgreSQL at a stricter level than read committed cannot see that reply: it
    /// gets the error, and the retry the reply.
    ///
    /// [`optimistic`](Self::optimistic) is cheaper where `work` may be undone.
    ///
    /// ```no_run
    /// # #[cfg(feature = "postgres")] mod pay {
    /// # use saas_idempotency::{Error, Idempotency, Reply};
    /// async fn pay(idempotency: Idempotency, pool: sqlx::PgPool) -> Result<Reply, Error> {
    ///     let (tx, reply) = idempotency
    ///         .atomic(pool.begin().await?, async |mut tx| {
    ///             sqlx::query("update invoices set paid = true").execute(&mut *tx).await?;
    ///             Ok::<_, Error>((tx, Reply::json(200, "paid")?))
    ///         })
    ///         .await?;
    ///     tx.commit().await?;
    ///     Ok(reply)
    /// }
    /// # }
    /// ```
    pub async fn atomic<C, T, E, F>(
        &self,
        mut tx: T,
        work: impl FnOnce(T) -> F,
    ) -> Result<(T, Reply), E>
    where
        C: Records,
        T: AsMut<C>,
        E: From<Error>,
        F: Future<Output = Result<(T, Reply), E>>,
    {
        match self.claim(tx.as_mut()).await? {
            Claim::Replay(reply) => Ok((tx, reply)),
            Claim::Fresh(turn) => {
                let (mut tx, reply) = work(tx).await?;
                turn.record(tx.as_mut(), &reply).await?;
                Ok((tx, reply))
            }
        }
    }

    /// Claims the key in the caller's transaction: the first half of [`atomic`](Self::atomic).
    pub async fn claim(&self, conn: &mut impl Records) -> Result<Claim, Error> {
        let Some(ticket) = self.claimable()? else {
            return Ok(Claim::Fresh(Turn { handle: self.clone() }));
        };
        let engine = self.engine();
        let attempt = engine.attempt(ticket);
        let call = backend::put(conn, &attempt, None, Place::Transaction, engine.statements);
        let answer = metrics::timed(Call::Claim, call).await;
        let verdict = engine.judge(ticket, answer);
        // Only an attempt whose turn it is has an outcome of its own.
        self.settle(!matches!(verdict, Ok(Ok(_))));
        match verdict.inspect_err(refused)? {
            Ok(attempt) => {
                self.set_attempt(attempt);
                Ok(Claim::Fresh(Turn { handle: self.clone() }))
            }
            Err(reply) => {
                metrics::request("replayed");
                Ok(Claim::Replay(reply))
            }
        }
    }

    /// What a handler claims or records by itself, if the client sent a key.
    pub(crate) fn claimable(&self) -> Result<Option<&Ticket>, Error> {
        let ticket = self.ticket();
        if ticket.is_some() && self.engine().mode != Mode::Atomic {
            let error =
                Error::Misuse("a handler claims a key, but its layer is not in atomic mode");
            error.log();
            return Err(error);
        }
        if ticket.is_some() && self.is_closed() {
            let error = Error::Misuse("a key is claimed after its request was answered");
            error.log();
            return Err(error);
        }
        self.claims();
        Ok(ticket)
    }
}

impl Turn {
    /// Records the reply in the transaction that made the claim: the second half of
    /// [`atomic`](Idempotency::atomic). Commit afterwards.
    pub async fn record(self, conn: &mut impl Records, reply: &Reply) -> Result<(), Error> {
        let handle = self.handle;
        let Some(ticket) = handle.ticket() else { return Ok(()) };
        // From here on the transaction knows more than the layer does.
        handle.settle(true);
        let outcome = Outcome::of(reply.clone(), handle.engine().policy.response_cap);
        let outcome = &*handle.engine().seal(ticket, &outcome);
        let call = conn.complete(&ticket.lease, outcome, handle.engine().statements);
        let recorded =
            metrics::timed(Call::Complete, call).await.and_then(|recorded| match recorded {
                true => Ok(()),
                false => {
                    Err(Error::Misuse("a reply is recorded outside the transaction of its claim"))
                }
            });
        metrics::request(recorded.as_ref().map_or_else(Error::outcome, |()| "executed"));
        recorded.inspect_err(Error::log)
    }
}

fn refused(error: &Error) {
    metrics::request(error.outcome());
    error.log();
}
