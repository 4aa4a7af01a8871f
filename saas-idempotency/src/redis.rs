//! Records in Redis.

mod check;
mod form;
mod script;

use std::borrow::Cow;
use std::fmt::{self, Write};

use chrono::{DateTime, Utc};
use futures_core::future::BoxFuture;
use redis::aio::ConnectionLike;

use self::form::{Kept, keep_ms, moment};
use self::script::Script;
use crate::Error;
use crate::store::{Attempt, Claimed, Lease, Outcome, Store};

/// Records in Redis 6 or newer, or Valkey, over a connection that the application makes: a
/// `redis::aio::ConnectionManager`, which connects again by itself, or anything else that can be
/// cloned. TLS and time limits are the connection's; it runs on tokio.
///
/// Every call is one script that runs atomically, in one round trip. A record is a hash under
/// `saas-idempotency:v1:<tenant>:<digest>`; a call names one key, so that a cluster spreads them.
/// There is nothing to sweep: Redis forgets a record by itself, five minutes after it is expired and
/// its lease has lapsed.
///
/// ```no_run
/// # async fn connect(url: &str) -> Result<(), Box<dyn std::error::Error>> {
/// use saas_idempotency::RedisStore;
///
/// let connection = redis::Client::open(url)?.get_connection_manager().await?;
/// let store = RedisStore::new(connection);
/// store.check().await?;
/// # Ok(())
/// # }
/// ```
///
/// # What Redis may forget
///
/// **A record that Redis loses is a request that executes again.** It loses records
///
/// - when memory is short, unless `maxmemory-policy` is `noeviction`: [`check`](Self::check) refuses
///   anything else. Then a claim fails (503) instead; but so does the recording of a response, whose
///   lease lapses, so give it memory enough;
/// - in a crash, up to the last snapshot without `appendonly yes`, and up to a second without
///   `appendfsync always`;
/// - in a failover: replication is asynchronous, and the replica that takes over lacks what it had
///   not received. `min-replicas-to-write` and `min-replicas-max-lag` narrow the window and no
///   setting closes it; this store does not send `WAIT`, which holds up whatever shares the
///   connection and still promises nothing.
///
/// Where an effect must not happen twice, keep its records in the database of its rows, or hand
/// [`derive`](crate::Idempotency::derive)d keys to whom you call.
#[derive(Clone)]
pub struct RedisStore<C> {
    connection: C,
    prefix: Cow<'static, str>,
}

impl<C: ConnectionLike + Clone + Send + Sync> RedisStore<C> {
    /// A store over clones of this connection.
    pub fn new(connection: C) -> Self {
        Self { connection, prefix: "saas-idempotency".into() }
    }

    /// What the keys begin with, `saas-idempotency` by default: for applications that share a
    /// server.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<Cow<'static, str>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Asks the server whether it keeps what it is given: [`Error::Misuse`] unless its
    /// `maxmemory-policy` is `noeviction`, on every node that answers. For the start of a service.
    pub async fn check(&self) -> Result<(), Error> {
        check::keeps_records(&mut self.connection.clone()).await
    }

    fn key(&self, lease: &Lease) -> String {
        let mut key = format!("{}:v1:{}:", self.prefix, lease.id.tenant());
        for byte in lease.id.digest() {
            // Writing into a string does not fail.
            let _ = write!(key, "{byte:02x}");
        }
        key
    }

    async fn put(&self, attempt: &Attempt, outcome: Option<&Outcome>) -> Result<Claimed, Error> {
        let kept = Kept::of(outcome);
        let arguments = [
            &attempt.fingerprint.as_bytes()[..],
            attempt.lease.token.as_bytes(),
            &moment(attempt.now),
            &moment(attempt.lease_until),
            &moment(attempt.expires_at),
            &keep_ms(attempt),
            &kept.status,
            &kept.reply,
        ];
        form::claimed(self.run(&script::PUT, &attempt.lease, &arguments).await?)
    }

    async fn run(
        &self,
        script: &Script,
        lease: &Lease,
        arguments: &[&[u8]],
    ) -> Result<redis::Value, Error> {
        let run = script.run(&mut self.connection.clone(), &self.key(lease), arguments).await;
        run.map_err(|error| Error::Store(Box::new(error)))
    }
}

impl<C: ConnectionLike + Clone + Send + Sync> Store for RedisStore<C> {
    fn claim<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<Claimed, Error>> {
        Box::pin(self.put(attempt, None))
    }

    fn complete<'a>(
        &'a self,
        lease: &'a Lease,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let kept = Kept::of(Some(outcome));
            let arguments = [lease.token.as_bytes(), &kept.status[..], &kept.reply];
            form::held(&self.run(&script::COMPLETE, lease, &arguments).await?)
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            form::held(&self.run(&script::RELEASE, lease, &[lease.token.as_bytes()]).await?)
        })
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        until: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let arguments = [lease.token.as_bytes(), &moment(until)[..]];
            form::held(&self.run(&script::RENEW, lease, &arguments).await?)
        })
    }

    fn record<'a>(
        &'a self,
        attempt: &'a Attempt,
        outcome: &'a Outcome,
    ) -> BoxFuture<'a, Result<Claimed, Error>> {
        Box::pin(self.put(attempt, Some(outcome)))
    }

    // Redis forgets by itself.
    fn sweep(&self, _now: DateTime<Utc>, _limit: u32) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async { Ok(0) })
    }
}

impl<C> fmt::Debug for RedisStore<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
