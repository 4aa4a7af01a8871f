use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::{micros, moment, named, put_waiting, take_waiting};
use crate::store::{Answer, CANCELLED, Manages, Which, count};
use crate::{DeadJob, JobId};

/// Dead letters that a filter lets through; a filter that is null lets all of them.
macro_rules! letters {
    ($columns:literal) => {
        concat!(
            "select ",
            $columns,
            " from saas_jobs_dead d join saas_jobs j on j.id = d.id
            where d.state = 1 and (?1 is null or d.id = ?1)
                and (?2 is null or j.queue = ?2) and (?3 is null or j.kind = ?3)
                and (?4 is null or j.tenant_id = ?4)
                and (?5 is null or (d.died_at, d.id) < (?5, ?6))
            order by d.died_at desc, d.id desc limit ?7"
        )
    };
}

const DEAD: &str = letters!(
    "d.id, j.kind, j.queue, j.tenant_id, d.died_at, d.attempt, d.reason, j.version, j.args"
);

const PICK: &str = letters!("d.id");

const BURY: &str = "delete from saas_jobs_dead where id = ?1";

const READY: &str = "
    insert into saas_jobs_ready (id, lane, priority, queue)
    select id, coalesce(lane, 0), priority, queue from saas_jobs where id = ?1";

const ERRORS: &str = "delete from saas_jobs_error where id = ?1";

const STEPS: &str = "delete from saas_jobs_step where id = ?1";

const KEYS: &str = "delete from saas_jobs_unique where id = ?1";

const BODY: &str = "delete from saas_jobs where id = ?1";

const OWNED: &str = "select 1 from saas_jobs where id = ?1 and (?2 is null or tenant_id = ?2)";

const CANCEL: &str = "
    insert into saas_jobs_dead (id, died_at, attempt, state, reason) values (?1, ?2, ?3, ?4, ?5)";

impl Manages for Sqlite {
    fn dead<'c>(
        conn: &'c mut SqliteConnection,
        which: &'c Which,
        most: i64,
        how: Statements,
    ) -> Answer<'c, Vec<DeadJob>> {
        Box::pin(async move {
            let rows = filter(DEAD, which, most, how).fetch_all(conn).await?;
            rows.iter().map(dead).collect()
        })
    }

    fn redrive<'c>(
        conn: &'c mut SqliteConnection,
        which: &'c Which,
        most: i64,
        how: Statements,
    ) -> Answer<'c, u64> {
        Box::pin(on_each(conn, which, most, &[BURY, ERRORS, READY], how))
    }

    fn discard<'c>(
        conn: &'c mut SqliteConnection,
        which: &'c Which,
        most: i64,
        how: Statements,
    ) -> Answer<'c, u64> {
        Box::pin(on_each(conn, which, most, &[BURY, ERRORS, STEPS, KEYS, BODY], how))
    }

    fn cancel<'c>(
        conn: &'c mut SqliteConnection,
        id: Uuid,
        tenant: Option<Uuid>,
        reason: &'c str,
        now: DateTime<Utc>,
        how: Statements,
    ) -> Answer<'c, bool> {
        Box::pin(async move {
            let Some(attempt) = take_owned(conn, id, tenant, how).await? else { return Ok(false) };
            let query = sqlx::query(CANCEL).persistent(named(how)).bind(id).bind(micros(now));
            query.bind(attempt).bind(CANCELLED).bind(reason).execute(conn).await?;
            Ok(true)
        })
    }

    fn reschedule(
        conn: &mut SqliteConnection,
        id: Uuid,
        tenant: Option<Uuid>,
        run_at: Option<DateTime<Utc>>,
        how: Statements,
    ) -> Answer<'_, bool> {
        Box::pin(async move {
            let Some(attempt) = take_owned(conn, id, tenant, how).await? else { return Ok(false) };
            put_waiting(conn, id, attempt, run_at, how).await?;
            Ok(true)
        })
    }
}

/// Takes a job that waits out of its table, if it is the tenant's.
async fn take_owned(
    conn: &mut SqliteConnection,
    id: Uuid,
    tenant: Option<Uuid>,
    how: Statements,
) -> Result<Option<i16>, sqlx::Error> {
    let query = sqlx::query(OWNED).persistent(named(how)).bind(id).bind(tenant);
    match query.fetch_optional(&mut *conn).await? {
        Some(_) => take_waiting(conn, id, how).await,
        None => Ok(None),
    }
}

// Differs: no statement writes two tables, so each has its own, job by job.
async fn on_each(
    conn: &mut SqliteConnection,
    which: &Which,
    most: i64,
    statements: &[&'static str],
    how: Statements,
) -> Result<u64, sqlx::Error> {
    let rows = filter(PICK, which, most, how).fetch_all(&mut *conn).await?;
    for row in &rows {
        let id: Uuid = row.try_get(0)?;
        for statement in statements {
            sqlx::query(*statement).persistent(named(how)).bind(id).execute(&mut *conn).await?;
        }
    }
    Ok(rows.len() as u64)
}

fn filter(
    statement: &'static str,
    which: &Which,
    most: i64,
    how: Statements,
) -> Query<'static, Sqlite, SqliteArguments> {
    let query = sqlx::query(statement).persistent(named(how)).bind(which.id);
    let query = query.bind(which.queue.clone()).bind(which.kind.clone()).bind(which.tenant);
    let (died_at, id) = which.before.unzip();
    query.bind(died_at.map(micros)).bind(id).bind(most)
}

fn dead(row: &SqliteRow) -> Result<DeadJob, sqlx::Error> {
    Ok(DeadJob {
        id: JobId::from_uuid(row.try_get(0)?),
        kind: row.try_get(1)?,
        queue: row.try_get(2)?,
        tenant: row.try_get(3)?,
        died_at: moment(row.try_get(4)?)?,
        attempt: count(row.try_get(5)?),
        reason: row.try_get(6)?,
        version: row.try_get(7)?,
        args: row.try_get(8)?,
    })
}
