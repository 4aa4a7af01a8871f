use chrono::{DateTime, Utc};
use futures_core::future::BoxFuture;
use saas_core::sql::{Migrations, Statements};
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Row, Sqlite};

use crate::Error;
use crate::backend::{Put, Records, columns, record};
use crate::store::{Attempt, Lease, Outcome};

// Differs: SQLite has no roles, and no functions of its own. A claim is two statements, which cost
// no round trip; between them another process may come, so the second says the condition again.
const OLD: &str = "
select fingerprint, status, reply
from saas_idempotency_keys
where tenant_id = ?1 and key = ?2
  and not (expires_at <= ?5 and (status is not null or lease_until <= ?5))
  and not (status is null and (token = ?4 or lease_until <= ?5 and fingerprint = ?3))";

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

const COMPLETE: &str = "
update saas_idempotency_keys
set status = ?4, reply = ?5
where tenant_id = ?1 and key = ?2 and token = ?3 and status is null";

const RELEASE: &str = "
delete from saas_idempotency_keys
where tenant_id = ?1 and key = ?2 and token = ?3 and status is null";

const RENEW: &str = "
update saas_idempotency_keys
set lease_until = ?4
where tenant_id = ?1 and key = ?2 and token = ?3 and status is null";

// Differs: SQLite has no SKIP LOCKED; its one writer sweeps alone. No ctid either, but a rowid.
const SWEEP: [&str; 2] = [
    "
delete from saas_idempotency_keys
where rowid in (
    select rowid from saas_idempotency_keys
    where expires_at <= ?1 and (status is not null or lease_until <= ?1)
    order by expires_at
    limit ",
    ")",
];

impl Records for SqliteConnection {
    const MIGRATIONS: Migrations = Migrations::new(
        "idempotency",
        &[("keys", include_str!("../migrations/sqlite/0001_keys.sql"))],
    );

    fn put<'c>(
        &'c mut self,
        attempt: &'c Attempt,
        outcome: Option<&'c Outcome>,
        in_transaction: bool,
        statements: Statements,
    ) -> BoxFuture<'c, Result<Put, Error>> {
        Box::pin(async move {
            // Differs: a transaction that reads before it writes fails as soon as another wrote in
            // between, and no timeout helps. So there the write comes first: it waits for its turn,
            // and what is read after it stands.
            if in_transaction {
                let won = write(self, attempt, outcome, statements).await?;
                return match won {
                    Some(attempt) => Ok(Put::Won(attempt)),
                    None => read(self, attempt, statements).await,
                };
            }
            match read(self, attempt, statements).await? {
                Put::Lost => {
                    let won = write(self, attempt, outcome, statements).await?;
                    Ok(won.map_or(Put::Lost, Put::Won))
                }
                found => Ok(found),
            }
        })
    }

    fn complete<'c>(
        &'c mut self,
        lease: &'c Lease,
        outcome: &'c Outcome,
        statements: Statements,
    ) -> BoxFuture<'c, Result<bool, Error>> {
        Box::pin(async move {
            let (status, reply) = columns(Some(outcome));
            let done = sqlx::query(COMPLETE)
                .bind(lease.id.tenant())
                .bind(&lease.id.digest()[..])
                .bind(lease.token)
                .bind(status)
                .bind(reply)
                .persistent(statements == Statements::Named)
                .execute(self)
                .await
                .map_err(failure)?;
            Ok(done.rows_affected() == 1)
        })
    }

    fn release<'c>(
        &'c mut self,
        lease: &'c Lease,
        statements: Statements,
    ) -> BoxFuture<'c, Result<bool, Error>> {
        Box::pin(async move {
            let done = sqlx::query(RELEASE)
                .bind(lease.id.tenant())
                .bind(&lease.id.digest()[..])
                .bind(lease.token)
                .persistent(statements == Statements::Named)
                .execute(self)
                .await
                .map_err(failure)?;
            Ok(done.rows_affected() == 1)
        })
    }

    fn renew<'c>(
        &'c mut self,
        lease: &'c Lease,
        until: DateTime<Utc>,
        statements: Statements,
    ) -> BoxFuture<'c, Result<bool, Error>> {
        Box::pin(async move {
            let done = sqlx::query(RENEW)
                .bind(lease.id.tenant())
                .bind(&lease.id.digest()[..])
                .bind(lease.token)
                .bind(until.timestamp_micros())
                .persistent(statements == Statements::Named)
                .execute(self)
                .await
                .map_err(failure)?;
            Ok(done.rows_affected() == 1)
        })
    }

    fn sweep(
        &mut self,
        now: DateTime<Utc>,
        limit: u32,
        statements: Statements,
    ) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move {
            let mut query = QueryBuilder::<Sqlite>::new(SWEEP[0]);
            query.push(limit).push(SWEEP[1]);
            let done = sqlx::query(query.into_sql())
                .bind(now.timestamp_micros())
                .persistent(statements == Statements::Named)
                .execute(self)
                .await
                .map_err(failure)?;
            Ok(done.rows_affected())
        })
    }
}

async fn read(
    conn: &mut SqliteConnection,
    attempt: &Attempt,
    statements: Statements,
) -> Result<Put, Error> {
    let row = sqlx::query(OLD)
        .bind(attempt.lease.id.tenant())
        .bind(&attempt.lease.id.digest()[..])
        .bind(&attempt.fingerprint.as_bytes()[..])
        .bind(attempt.lease.token)
        .bind(attempt.now.timestamp_micros())
        .persistent(statements == Statements::Named)
        .fetch_optional(conn)
        .await
        .map_err(failure)?;
    let Some(row) = row else { return Ok(Put::Lost) };
    let found = record(row.try_get("fingerprint")?, row.try_get("status")?, row.try_get("reply")?)?;
    Ok(Put::Found(found))
}

async fn write(
    conn: &mut SqliteConnection,
    attempt: &Attempt,
    outcome: Option<&Outcome>,
    statements: Statements,
) -> Result<Option<u32>, Error> {
    let (status, reply) = columns(outcome);
    // All rows, of which there is at most one: the statement is done only when it was read to its
    // end.
    let rows = sqlx::query(PUT)
        .bind(attempt.lease.id.tenant())
        .bind(&attempt.lease.id.digest()[..])
        .bind(&attempt.fingerprint.as_bytes()[..])
        .bind(attempt.lease.token)
        .bind(attempt.now.timestamp_micros())
        .bind(attempt.lease_until.timestamp_micros())
        .bind(attempt.expires_at.timestamp_micros())
        .bind(status)
        .bind(reply)
        .persistent(statements == Statements::Named)
        .fetch_all(conn)
        .await
        .map_err(failure)?;
    Ok(rows.first().map(|row| row.try_get("attempt")).transpose()?)
}

/// What is no fault of the file.
fn failure(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(DatabaseError::code);
    match code.and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff) {
        // Differs: one lock for the whole file, so this says nothing about the key.
        Some(5 | 6) => Error::Contended,
        _ => error.into(),
    }
}
