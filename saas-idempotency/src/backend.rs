use chrono::{DateTime, Utc};
use futures_core::future::BoxFuture;
use saas_core::sql::{Migrations, Statements};
use sqlx::{Connection, Database};
use sqlx_core::transaction::TransactionManager;

use crate::Error;
use crate::store::{Attempt, Claimed, Lease, Outcome, Record};

/// How often a claim that saw nothing looks again. The winner's row is there the next time unless
/// it is gone already, so more than a few are a sign of something else.
const LOOKS: usize = 10;

/// A database that keeps records: sqlx's `Postgres` and `Sqlite`. Sealed.
pub trait Backend: saas_core::sql::Backend<Connection: Records> {}

impl<DB: saas_core::sql::Backend<Connection: Records>> Backend for DB {}

/// One look at a record.
#[derive(Debug)]
pub enum Put {
    Won(u32),
    Found(Record),
    /// Neither won nor seen: another attempt came between. It says nothing about the record.
    Lost,
}

/// A connection to such a database, the pool's or that of the caller's transaction: sqlx's
/// `PgConnection` and `SqliteConnection`. Sealed.
///
/// It stands on the connection and not on the database, so that the type of a transaction tells
/// which one is meant.
pub trait Records: Connection {
    #[doc(hidden)]
    const MIGRATIONS: Migrations;

    // Claims the record, or records `outcome` where there is one, unless another holds it. Reads
    // first: a replay costs no more than that.
    #[doc(hidden)]
    fn put<'c>(
        &'c mut self,
        attempt: &'c Attempt,
        outcome: Option<&'c Outcome>,
        statements: Statements,
    ) -> BoxFuture<'c, Result<Put, Error>>;

    // The same in the caller's transaction. Writes first.
    #[doc(hidden)]
    fn put_within<'c>(
        &'c mut self,
        attempt: &'c Attempt,
        outcome: Option<&'c Outcome>,
        statements: Statements,
    ) -> BoxFuture<'c, Result<Put, Error>>;

    // The record, unless it may be claimed. In the caller's transaction, whose first statement it is.
    #[doc(hidden)]
    fn look<'c>(
        &'c mut self,
        attempt: &'c Attempt,
        statements: Statements,
    ) -> BoxFuture<'c, Result<Option<Record>, Error>>;

    #[doc(hidden)]
    fn complete<'c>(
        &'c mut self,
        lease: &'c Lease,
        outcome: &'c Outcome,
        statements: Statements,
    ) -> BoxFuture<'c, Result<bool, Error>>;

    #[doc(hidden)]
    fn release<'c>(
        &'c mut self,
        lease: &'c Lease,
        statements: Statements,
    ) -> BoxFuture<'c, Result<bool, Error>>;

    #[doc(hidden)]
    fn renew<'c>(
        &'c mut self,
        lease: &'c Lease,
        until: DateTime<Utc>,
        statements: Statements,
    ) -> BoxFuture<'c, Result<bool, Error>>;

    #[doc(hidden)]
    fn sweep(
        &mut self,
        now: DateTime<Utc>,
        limit: u32,
        statements: Statements,
    ) -> BoxFuture<'_, Result<u64, Error>>;
}

/// Where a claim is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On a connection of the store's own.
    Store,
    /// In the caller's transaction.
    Transaction,
}

/// Puts until it is won or found. An empty answer is never taken for leave to execute.
pub(crate) async fn put(
    conn: &mut impl Records,
    attempt: &Attempt,
    outcome: Option<&Outcome>,
    place: Place,
    statements: Statements,
) -> Result<Claimed, Error> {
    for _ in 0..LOOKS {
        let put = match place {
            Place::Store => conn.put(attempt, outcome, statements),
            Place::Transaction => conn.put_within(attempt, outcome, statements),
        };
        match put.await? {
            Put::Won(attempt) => return Ok(Claimed::Won { attempt }),
            Put::Found(record) => return Ok(Claimed::Found(record)),
            Put::Lost => {}
        }
    }
    Err(Error::Contended)
}

/// Undoes the caller's transaction and opens another in its place, which sees what was committed
/// meanwhile.
pub(crate) async fn afresh<C: Records>(conn: &mut C) -> Result<(), sqlx::Error> {
    type Transactions<C> = <<C as Connection>::Database as Database>::TransactionManager;
    Transactions::<C>::rollback(conn).await?;
    Transactions::<C>::begin(conn, None).await
}

/// The columns that tell how a request ended, as a record's `outcome`.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn record(
    fingerprint: &[u8],
    status: Option<i16>,
    reply: Option<Vec<u8>>,
) -> Result<Record, Error> {
    let fingerprint = crate::Fingerprint::from_bytes(fingerprint).ok_or(Error::Unreadable)?;
    let status = status.map(u16::try_from).transpose().map_err(|_| Error::Unreadable)?;
    let outcome = match (status, reply) {
        (None, None) => None,
        (None, Some(_)) => return Err(Error::Unreadable),
        (Some(status), None) => Some(Outcome::NotKept { status }),
        (Some(status), Some(reply)) => Some(Outcome::Reply(crate::Reply::decode(status, reply)?)),
    };
    Ok(Record { fingerprint, outcome })
}

/// The same, the other way: `status` and `reply`, both absent while a request runs.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn columns(outcome: Option<&Outcome>) -> (Option<i16>, Option<Vec<u8>>) {
    let status = outcome.and_then(|outcome| i16::try_from(outcome.status()).ok());
    match outcome {
        Some(Outcome::Reply(reply)) => (status, Some(reply.encode())),
        Some(Outcome::NotKept { .. }) | None => (status, None),
    }
}
