//! Differs: no statement writes two tables, so a job that waits is taken out and put back in two.

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{micros, named};

const TAKE_READY: &str = "
    delete from saas_jobs_ready where (queue, lane, priority, id) in (
        select queue, coalesce(lane, 0), priority, id from saas_jobs where id = ?1
    ) returning attempt";

const TAKE_LATER: &str = "delete from saas_jobs_later where id = ?1 returning attempt";

const PUT_READY: &str = "
    insert into saas_jobs_ready (id, lane, priority, attempt, queue)
    select id, coalesce(lane, 0), priority, ?2, queue from saas_jobs where id = ?1";

const PUT_LATER: &str = "
    insert into saas_jobs_later (id, run_at, lane, priority, attempt, queue)
    select id, ?3, coalesce(lane, 0), priority, ?2, queue from saas_jobs where id = ?1";

/// Takes a job that waits out of its table, and tells its attempts; `None` if it does not wait.
pub(super) async fn take_waiting(
    conn: &mut SqliteConnection,
    id: Uuid,
    how: Statements,
) -> Result<Option<i16>, sqlx::Error> {
    for statement in [TAKE_READY, TAKE_LATER] {
        let query = sqlx::query_scalar(statement).persistent(named(how)).bind(id);
        if let Some(attempt) = query.fetch_optional(&mut *conn).await? {
            return Ok(Some(attempt));
        }
    }
    Ok(None)
}

/// Puts it back, ready if there is nothing to wait for.
pub(super) async fn put_waiting(
    conn: &mut SqliteConnection,
    id: Uuid,
    attempt: i16,
    run_at: Option<DateTime<Utc>>,
    how: Statements,
) -> Result<(), sqlx::Error> {
    let statement = if run_at.is_some() { PUT_LATER } else { PUT_READY };
    let mut query = sqlx::query(statement).persistent(named(how)).bind(id).bind(attempt);
    if let Some(run_at) = run_at {
        query = query.bind(micros(run_at));
    }
    query.execute(conn).await?;
    Ok(())
}
