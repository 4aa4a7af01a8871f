use chrono::{DateTime, Utc};
use futures_core::future::BoxFuture;
use saas_core::sql::{Migrations, Statements};

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
pub trait Records: Send {
    #[doc(hidden)]
    const MIGRATIONS: Migrations;

    // Claims the record, or records `outcome` where there is one, unless another holds it.
    // `in_transaction` tells that the caller's transaction is open.
    #[doc(hidden)]
    fn put<'c>(
        &'c mut self,
        attempt: &'c Attempt,
        outcome: Option<&'c Outcome>,
        in_transaction: bool,
        statements: Statements,
    ) -> BoxFuture<'c, Result<Put, Error>>;

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

/// Puts until it is won or found. An empty answer is never taken for leave to execute.
pub(crate) async fn put(
    conn: &mut impl Records,
    attempt: &Attempt,
    outcome: Option<&Outcome>,
    in_transaction: bool,
    statements: Statements,
) -> Result<Claimed, Error> {
    for _ in 0..LOOKS {
        match conn.put(attempt, outcome, in_transaction, statements).await? {
            Put::Won(attempt) => return Ok(Claimed::Won { attempt }),
            Put::Found(record) => return Ok(Claimed::Found(record)),
            Put::Lost => {}
        }
    }
    Err(Error::Contended)
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
        (None, _) => None,
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
