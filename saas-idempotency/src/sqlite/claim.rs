//! Whose request it is: the statements of a claim.

use saas_core::sql::Statements;
use sqlx::Row;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Sqlite, query};

use super::failure;
use crate::Error;
use crate::backend::{Put, columns, record};
use crate::store::{Attempt, Outcome, Record};

/// The record, unless it may be claimed.
macro_rules! old {
    () => {
        "
    select fingerprint, status, reply
    from saas_idempotency_keys
    where tenant_id = ?1 and key = ?2
      and not (expires_at <= ?5 and (status is not null or lease_until <= ?5))
      and not (status is null and (token = ?4 or lease_until <= ?5 and fingerprint = ?3))"
    };
}

// Differs: SQLite has no functions of its own. A claim is two statements, which cost no round trip;
// between them another process may come, so the second says the condition again.
const PUT: &str = "
insert into saas_idempotency_keys as k
    (tenant_id, key, fingerprint, token, attempt, lease_until, expires_at, status, reply)
values (?1, ?2, ?3, ?4, 1, ?6, ?7, ?8, ?9)
on conflict (tenant_id, key) do update
set fingerprint = excluded.fingerprint,
    token = excluded.token,
    attempt = case when k.expires_at <= ?5 then 1 else k.attempt + (k.token <> ?4) end,
    lease_until = excluded.lease_until,
    expires_at = excluded.expires_at,
    status = excluded.status,
    reply = excluded.reply
where k.expires_at <= ?5 and (k.status is not null or k.lease_until <= ?5)
   or k.status is null and (k.token = ?4 or k.lease_until <= ?5 and k.fingerprint = ?3)
returning attempt";

// Differs: a transaction that reads before it writes fails as soon as another wrote in between, and
// no timeout helps. This writes nothing, but takes the lock of the one writer as if it did.
const LOCK: &str = "
delete from saas_idempotency_keys
where false";

const LOOK: &str = old!();

pub(super) async fn put(
    conn: &mut SqliteConnection,
    attempt: &Attempt,
    outcome: Option<&Outcome>,
    statements: Statements,
) -> Result<Put, Error> {
    match read(conn, attempt, statements).await? {
        Some(record) => Ok(Put::Found(record)),
        None => write(conn, attempt, outcome, statements).await,
    }
}

/// The write comes first: it waits for its turn, and what is read after it stands.
pub(super) async fn put_within(
    conn: &mut SqliteConnection,
    attempt: &Attempt,
    outcome: Option<&Outcome>,
    statements: Statements,
) -> Result<Put, Error> {
    match write(conn, attempt, outcome, statements).await? {
        Put::Lost => Ok(read(conn, attempt, statements).await?.map_or(Put::Lost, Put::Found)),
        won => Ok(won),
    }
}

pub(super) async fn look(
    conn: &mut SqliteConnection,
    attempt: &Attempt,
    statements: Statements,
) -> Result<Option<Record>, Error> {
    let named = statements == Statements::Named;
    query(LOCK).persistent(named).execute(&mut *conn).await.map_err(failure)?;
    read(conn, attempt, statements).await
}

async fn read(
    conn: &mut SqliteConnection,
    attempt: &Attempt,
    statements: Statements,
) -> Result<Option<Record>, Error> {
    let row = about(LOOK, attempt)
        .persistent(statements == Statements::Named)
        .fetch_optional(conn)
        .await
        .map_err(failure)?;
    row.map(|row| found(&row)).transpose()
}

async fn write(
    conn: &mut SqliteConnection,
    attempt: &Attempt,
    outcome: Option<&Outcome>,
    statements: Statements,
) -> Result<Put, Error> {
    let (status, reply) = columns(outcome);
    // All rows, of which there is at most one: the statement is done only when it was read to its
    // end.
    let rows = about(PUT, attempt)
        .bind(attempt.lease_until.timestamp_micros())
        .bind(attempt.expires_at.timestamp_micros())
        .bind(status)
        .bind(reply)
        .persistent(statements == Statements::Named)
        .fetch_all(conn)
        .await
        .map_err(failure)?;
    let attempt = rows.first().map(|row| row.try_get("attempt")).transpose()?;
    Ok(attempt.map_or(Put::Lost, Put::Won))
}

/// A statement with its first five values.
fn about<'a>(sql: &'static str, attempt: &'a Attempt) -> Query<'a, Sqlite, SqliteArguments> {
    query(sql)
        .bind(attempt.lease.id.tenant())
        .bind(&attempt.lease.id.digest()[..])
        .bind(&attempt.fingerprint.as_bytes()[..])
        .bind(attempt.lease.token)
        .bind(attempt.now.timestamp_micros())
}

fn found(row: &SqliteRow) -> Result<Record, Error> {
    record(row.try_get("fingerprint")?, row.try_get("status")?, row.try_get("reply")?)
}
