//! Optimistic mode: the record is written last, and who comes second undoes everything.

use crate::backend::{self, Place, Records};
use crate::metrics::{self, Call};
use crate::store::{Claimed, Outcome};
use crate::{Error, Idempotency, Reply};

impl Idempotency {
    /// Commits `work` at most once, in the caller's transaction: looks whether the request was
    /// executed, and if not runs `work` and records its reply with it. The caller commits what comes
    /// back; where none does, `reply` is an earlier attempt's and nothing is left to commit.
    ///
    /// It is [`atomic`](Self::atomic) with one write less, for a price: nothing is claimed, so two
    /// attempts at once may both run `work`. The second to end waits for the first, finds its
    /// record, is rolled back by this call and gets the first one's reply. So it is right where all
    /// that `work` does is in this database. What calls others, or must not run twice even for
    /// nothing, belongs into `atomic`.
    ///
    /// `tx` must have been opened through sqlx, or there would be nothing to undo:
    /// [`Error::Misuse`]. On SQLite, which has one writer at a time, the look takes the write lock
    /// and a second attempt waits before `work` instead of after it.
    ///
    /// # Errors
    /// What `work` says, and then nothing is left of it. An attempt that runs beside the one that
    /// commits can meet that one's rows, in a unique index for instance, and fail on them: an answer
    /// that is final gives way to the reply on record, and the retry of one that is not gets it.
    ///
    /// [`Error::InProgress`] where the other's transaction takes longer than
    /// [`Policy::wait`](crate::Policy::wait); [`Error::Reused`] where it was another request.
    ///
    /// ```no_run
    /// # #[cfg(feature = "postgres")] mod order {
    /// # use saas_idempotency::{Error, Idempotency, Reply};
    /// async fn order(idempotency: Idempotency, pool: sqlx::PgPool) -> Result<Reply, Error> {
    ///     let (tx, reply) = idempotency
    ///         .optimistic(pool.begin().await?, async |mut tx| {
    ///             sqlx::query("insert into orders default values").execute(&mut *tx).await?;
    ///             Ok::<_, Error>((tx, Reply::json(201, "ordered")?))
    ///         })
    ///         .await?;
    ///     if let Some(tx) = tx {
    ///         tx.commit().await?;
    ///     }
    ///     Ok(reply)
    /// }
    /// # }
    /// ```
    pub async fn optimistic<C, T, E, F>(
        &self,
        mut tx: T,
        work: impl FnOnce(T) -> F,
    ) -> Result<(Option<T>, Reply), E>
    where
        C: Records,
        T: AsMut<C>,
        E: From<Error>,
        F: Future<Output = Result<(T, Reply), E>>,
    {
        if let Some(reply) = self.executed(tx.as_mut()).await? {
            return Ok((None, reply));
        }
        let (mut tx, reply) = work(tx).await?;
        Ok(match self.record_last(tx.as_mut(), &reply).await? {
            Some(earlier) => (None, earlier),
            None => (Some(tx), reply),
        })
    }

    /// The reply of an earlier attempt.
    async fn executed(&self, conn: &mut impl Records) -> Result<Option<Reply>, Error> {
        let Some(ticket) = self.claimable()? else { return Ok(None) };
        undoable(conn)?;
        let engine = self.engine();
        let attempt = engine.attempt(ticket);
        let call = conn.look(&attempt, engine.statements);
        match metrics::timed(Call::Claim, call).await.transpose() {
            None => Ok(None),
            Some(found) => self.lost(found.map(Claimed::Found)),
        }
    }

    /// Records the reply, or tells the one that an earlier attempt recorded.
    async fn record_last(
        &self,
        conn: &mut impl Records,
        reply: &Reply,
    ) -> Result<Option<Reply>, Error> {
        let Some(ticket) = self.claimable()? else { return Ok(None) };
        undoable(conn)?;
        let engine = self.engine();
        let outcome = Outcome::of(reply.clone(), engine.policy.response_cap);
        let outcome = &*engine.seal(ticket, &outcome);
        let (attempt, statements) = (engine.attempt(ticket), engine.statements);
        let call = backend::put(conn, &attempt, Some(outcome), Place::Transaction, statements);
        let mut answer = metrics::timed(Call::Complete, call).await;
        if let Ok(Claimed::Won { attempt }) = answer {
            // From here on the transaction knows more than the layer does.
            self.settle(true);
            self.set_attempt(attempt);
            metrics::request("executed");
            return Ok(None);
        }
        if let Ok(Claimed::Found(_)) | Err(Error::InProgress { .. }) = answer {
            // Its work is undone here, and not by the grace of whoever drops it.
            backend::afresh(conn).await?;
            // Where it was an error that ended the transaction, the winner shows in the new one.
            if let Some(record) = conn.look(&attempt, statements).await? {
                answer = Ok(Claimed::Found(record));
            }
        }
        self.lost(answer)
    }

    /// What is answered where another attempt was first.
    fn lost(&self, answer: Result<Claimed, Error>) -> Result<Option<Reply>, Error> {
        let Some(ticket) = self.ticket() else { return Ok(None) };
        self.settle(true);
        let verdict = self.engine().judge(ticket, answer);
        metrics::request(verdict.as_ref().map_or_else(Error::outcome, |_| "replayed"));
        verdict.map(Result::err).inspect_err(Error::log)
    }
}

fn undoable(conn: &impl Records) -> Result<(), Error> {
    if conn.is_in_transaction() {
        return Ok(());
    }
    let error = Error::Misuse("optimistic mode without a transaction that it could undo");
    error.log();
    Err(error)
}
