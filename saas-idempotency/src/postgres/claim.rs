//! Whose request it is: the statements of a claim.

use saas_core::sql::Statements;
use sqlx::Row;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, query};

use super::failure;
use crate::Error;
use crate::backend::{Put, columns, record};
use crate::store::{Attempt, Outcome, Record};

/// The record, unless it may be claimed.
macro_rules! old {
    () => {
        "
    select fingerprint, status, reply
    from saas.idempotency_keys
    where tenant_id = $1 and key = $2
      and not (expires_at <= $5 and (status is not null or lease_until <= $5))
      and not (status is null and (token = $4 or lease_until <= $5 and fingerprint = $3))"
    };
}

// Reads first: a replay writes nothing, and the function is not even called. It says the same
// condition again, on what is there by then.
const PUT: &str = concat!(
    "
with old as materialized (",
    old!(),
    "
)
select null::integer as attempt, fingerprint, status, reply from old
union all
select saas.idempotency_put($1, $2, $3, $4, $5, $6, $7, $8, $9, $10), null, null, null
where not exists (select from old)"
);

// Writes where nothing stands, and says whether it did. The join makes sure that the timeout is put
// back after the insert; where that ends in an error, so does the setting.
const FIRST: &str = "
with before as materialized (select current_setting('lock_timeout') as lock_timeout),
new as (
    insert into saas.idempotency_keys
        (tenant_id, key, fingerprint, token, attempt, lease_until, expires_at, status, reply)
    select $1, $2, $3, $4, 1, $5, $6, $8, $9
    from before where set_config('lock_timeout', $7::text, true) is not null
    on conflict on constraint idempotency_keys_pkey do nothing
    returning attempt
)
select new.attempt, set_config('lock_timeout', before.lock_timeout, true)
from before left join new on true";

const LOOK: &str = old!();

pub(super) async fn put(
    conn: &mut PgConnection,
    attempt: &Attempt,
    outcome: Option<&Outcome>,
    statements: Statements,
) -> Result<Put, Error> {
    let (status, reply) = columns(outcome);
    let row = about(PUT, attempt)
        .bind(attempt.now)
        .bind(attempt.lease_until)
        .bind(attempt.expires_at)
        .bind(wait(attempt))
        .bind(status)
        .bind(reply)
        .persistent(statements == Statements::Named)
        .fetch_one(conn)
        .await
        .map_err(failure)?;
    if let Some(fingerprint) = row.try_get::<Option<&[u8]>, _>("fingerprint")? {
        return Ok(Put::Found(found(&row, fingerprint)?));
    }
    won(&row)
}

/// Most requests that come here are new, and an insert alone is half the work of [`put`]: it calls
/// no function and reads nothing.
pub(super) async fn put_within(
    conn: &mut PgConnection,
    attempt: &Attempt,
    outcome: Option<&Outcome>,
    statements: Statements,
) -> Result<Put, Error> {
    let (status, reply) = columns(outcome);
    let row = about(FIRST, attempt)
        .bind(attempt.lease_until)
        .bind(attempt.expires_at)
        .bind(wait(attempt))
        .bind(status)
        .bind(reply)
        .persistent(statements == Statements::Named)
        .fetch_one(&mut *conn)
        .await
        .map_err(failure)?;
    match won(&row)? {
        // Another statement, so that it sees what the insert met.
        Put::Lost => put(conn, attempt, outcome, statements).await,
        won => Ok(won),
    }
}

pub(super) async fn look(
    conn: &mut PgConnection,
    attempt: &Attempt,
    statements: Statements,
) -> Result<Option<Record>, Error> {
    let row = about(LOOK, attempt)
        .bind(attempt.now)
        .persistent(statements == Statements::Named)
        .fetch_optional(conn)
        .await
        .map_err(failure)?;
    row.map(|row| found(&row, row.try_get("fingerprint")?)).transpose()
}

/// A statement with its first four values.
fn about<'a>(sql: &'static str, attempt: &'a Attempt) -> Query<'a, Postgres, PgArguments> {
    query(sql)
        .bind(attempt.lease.id.tenant())
        .bind(&attempt.lease.id.digest()[..])
        .bind(&attempt.fingerprint.as_bytes()[..])
        .bind(attempt.lease.token)
}

/// In milliseconds, of which zero would mean for ever.
fn wait(attempt: &Attempt) -> i32 {
    i32::try_from(attempt.wait.as_millis()).unwrap_or(i32::MAX).max(1)
}

fn won(row: &PgRow) -> Result<Put, Error> {
    let attempt: Option<i32> = row.try_get("attempt")?;
    Ok(attempt.map_or(Put::Lost, |attempt| Put::Won(attempt.unsigned_abs())))
}

fn found(row: &PgRow, fingerprint: &[u8]) -> Result<Record, Error> {
    record(fingerprint, row.try_get("status")?, row.try_get("reply")?)
}
