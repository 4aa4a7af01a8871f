mod claim;

use chrono::{DateTime, Utc};
use futures_core::future::BoxFuture;
use saas_core::sql::{Migrations, Statements};
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};

use crate::Error;
use crate::backend::{Put, Records, columns};
use crate::store::{Attempt, Lease, Outcome, Record};

// Differs: SQLite has no roles to grant anything to.

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
        statements: Statements,
    ) -> BoxFuture<'c, Result<Put, Error>> {
        Box::pin(claim::put(self, attempt, outcome, statements))
    }

    fn put_within<'c>(
        &'c mut self,
        attempt: &'c Attempt,
        outcome: Option<&'c Outcome>,
        statements: Statements,
    ) -> BoxFuture<'c, Result<Put, Error>> {
        Box::pin(claim::put_within(self, attempt, outcome, statements))
    }

    fn look<'c>(
        &'c mut self,
        attempt: &'c Attempt,
        statements: Statements,
    ) -> BoxFuture<'c, Result<Option<Record>, Error>> {
        Box::pin(claim::look(self, attempt, statements))
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

/// What is no fault of the file.
fn failure(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(DatabaseError::code);
    match code.and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff) {
        // Differs: one lock for the whole file, so this says nothing about the key.
        Some(5 | 6) => Error::Contended,
        _ => error.into(),
    }
}
