mod claim;

use chrono::{DateTime, Utc};
use futures_core::future::BoxFuture;
use saas_core::sql::{Migrations, Statements};
use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnection;
use sqlx::{Postgres, QueryBuilder};

use crate::Error;
use crate::backend::{Put, Records, columns};
use crate::store::{Attempt, Lease, Outcome, Record};

pub(crate) const GRANTS: &[&str] = &[
    "grant usage on schema saas to :role",
    "grant select, insert, update, delete on saas.idempotency_keys to :role",
];

const COMPLETE: &str = "
update saas.idempotency_keys
set status = $4, reply = $5
where tenant_id = $1 and key = $2 and token = $3 and status is null";

const RELEASE: &str = "
delete from saas.idempotency_keys
where tenant_id = $1 and key = $2 and token = $3 and status is null";

const RENEW: &str = "
update saas.idempotency_keys
set lease_until = $4
where tenant_id = $1 and key = $2 and token = $3 and status is null";

// Up to the limit, which is a literal: a parameter would hide from the planner how few are wanted.
const SWEEP: [&str; 2] = [
    "
delete from saas.idempotency_keys
where ctid = any(array(
    select ctid from saas.idempotency_keys
    where expires_at <= $1 and (status is not null or lease_until <= $1)
    order by expires_at
    limit ",
    "
    for update skip locked))",
];

impl Records for PgConnection {
    const MIGRATIONS: Migrations = Migrations::new(
        "idempotency",
        &[("keys", include_str!("../migrations/postgres/0001_keys.sql"))],
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
                .bind(until)
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
            let mut query = QueryBuilder::<Postgres>::new(SWEEP[0]);
            query.push(limit).push(SWEEP[1]);
            let done = sqlx::query(query.into_sql())
                .bind(now)
                .persistent(statements == Statements::Named)
                .execute(self)
                .await
                .map_err(failure)?;
            Ok(done.rows_affected())
        })
    }
}

/// What is no fault of the server.
fn failure(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(DatabaseError::code);
    match code.as_deref() {
        // Lock timeout, serialization failure, deadlock: another's transaction holds the key.
        Some("55P03" | "40001" | "40P01") => {
            Error::InProgress { retry_after: std::time::Duration::from_secs(1) }
        }
        _ => error.into(),
    }
}
