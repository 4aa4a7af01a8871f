//! The whole database as lines, and the same from the model.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use saas_core::schema::Dialect;
use saas_core::sql::Statements;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::book::Book;
use super::job::Place;
use crate::store::stored;
use crate::{Backend, lane};

const POSTGRES: &str = "
    select format('body %s %s %s %s %s %s', id, tenant_id, coalesce(lane, 0), priority, max_attempts, args)
        from saas.jobs
    union all select format('ready %s %s %s %s %s', id, lane, priority, coalesce(attempt, 0), queue)
        from saas.jobs_ready
    union all select format('later %s %s %s %s %s %s', id, lane, priority, attempt, queue,
        (extract(epoch from run_at) * 1000000)::bigint) from saas.jobs_later
    union all select format('lease %s %s %s', lease_id, worker_id, cardinality(ids)) from saas.jobs_lease
    union all select format('held %s %s', lease_id, unnest(ids)) from saas.jobs_lease
    union all select format('record %s %s %s %s', lease_id, unnest(coalesce(ids, array[null::uuid])), state,
        (extract(epoch from finished_at) * 1000000)::bigint) from saas.jobs_done
    union all select format('ended %s %s %s %s', id, state, attempt,
        (extract(epoch from died_at) * 1000000)::bigint) from saas.jobs_dead
    union all select format('error %s %s %s', id, attempt,
        (extract(epoch from failed_at) * 1000000)::bigint) from saas.jobs_error
    union all select format('worker %s %s', worker_id,
        (extract(epoch from expires_at) * 1000000)::bigint) from saas.jobs_worker
    union all select format('key %s %s %s %s', key, tenant_id, id,
        (extract(epoch from taken_at) * 1000000)::bigint) from saas.jobs_unique
    union all select format('step %s %s', id, name) from saas.jobs_step
    union all select format('effect %s %s', job, note) from effects";

// Differs: ids are blobs, and several in one are taken apart.
const SQLITE: &str = "
    with recursive place(n) as (select 0 union all select n + 1 from place where n < 15)
    select format('body %s %s %s %s %s %s', hex(id), hex(tenant_id), coalesce(lane, 0), priority, max_attempts, args)
        from saas_jobs
    union all select format('ready %s %s %s %s %s', hex(id), lane, priority, attempt, queue)
        from saas_jobs_ready
    union all select format('later %s %s %s %s %s %s', hex(id), lane, priority, attempt, queue, run_at)
        from saas_jobs_later
    union all select format('lease %s %s %s', hex(lease_id), hex(worker_id), length(ids) / 16)
        from saas_jobs_lease
    union all select format('held %s %s', hex(lease_id), hex(substr(ids, 16 * n + 1, 16)))
        from saas_jobs_lease join place on n < length(ids) / 16
    union all select format('record %s %s %s %s', hex(lease_id), hex(substr(ids, 16 * n + 1, 16)), state, finished_at)
        from saas_jobs_done join place on n < coalesce(length(ids) / 16, 1)
    union all select format('ended %s %s %s %s', hex(id), state, attempt, died_at) from saas_jobs_dead
    union all select format('error %s %s %s', hex(id), attempt, failed_at) from saas_jobs_error
    union all select format('worker %s %s', hex(worker_id), expires_at) from saas_jobs_worker
    union all select format('key %s %s %s %s', key, hex(tenant_id), hex(id), taken_at) from saas_jobs_unique
    union all select format('step %s %s', hex(id), name) from saas_jobs_step
    union all select format('effect %s %s', job, note) from effects";

macro_rules! emptied {
    ($($table:literal),*) => {
        (&[$(concat!("delete from saas.", $table)),*], &[$(concat!("delete from saas_", $table)),*])
    };
}

/// The statements that empty the tables, on PostgreSQL and on SQLite.
const EMPTIED: (&[&str], &[&str]) = emptied!(
    "jobs",
    "jobs_ready",
    "jobs_later",
    "jobs_lease",
    "jobs_done",
    "jobs_dead",
    "jobs_error",
    "jobs_worker",
    "jobs_unique",
    "jobs_step"
);

/// What is there. More than once is said more than once.
pub(super) async fn there<DB: Backend>(
    conn: &mut DB::Connection,
    how: Statements,
) -> Result<Vec<String>, sqlx::Error> {
    let sql = match DB::DIALECT {
        Dialect::Postgres => POSTGRES,
        Dialect::Sqlite => SQLITE,
    };
    let rows = DB::fetch_all(conn, QueryBuilder::new(sql), how).await?;
    let mut lines = rows.iter().map(line::<DB>).collect::<Result<Vec<_>, _>>()?;
    lines.sort_unstable();
    Ok(lines)
}

/// Ids as both databases write them, without what they differ in.
fn line<DB: Backend>(row: &DB::Row) -> Result<String, sqlx::Error> {
    let (line,): (String,) = DB::read(row)?;
    Ok(line.replace('-', "").to_lowercase())
}

pub(super) async fn empty<DB: Backend>(
    conn: &mut DB::Connection,
    how: Statements,
) -> Result<(), sqlx::Error> {
    let statements = match DB::DIALECT {
        Dialect::Postgres => EMPTIED.0,
        Dialect::Sqlite => EMPTIED.1,
    };
    for statement in statements.iter().chain(&["delete from effects"]) {
        DB::execute(conn, QueryBuilder::new(*statement), how).await?;
    }
    Ok(())
}

/// What the model says is there.
pub(super) fn expected(book: &Book) -> Vec<String> {
    let tenant = |tenant: Option<saas_core::TenantId>| {
        tenant.map_or(String::new(), |tenant| id(tenant.uuid()))
    };
    let mut lines = Vec::new();
    for (job, of) in &book.jobs {
        let (job, lane, priority) = (id(*job), of.tenant.map_or(0, lane::of), of.priority);
        let (max, number) = (of.max, of.number);
        lines.push(format!(
            "body {job} {} {lane} {priority} {max} {{\"number\":{number}}}",
            tenant(of.tenant)
        ));
        let waits = |attempt| format!("{job} {lane} {priority} {attempt} model");
        match of.place {
            Place::Ready(attempt) => lines.push(format!("ready {}", waits(attempt))),
            Place::Later(attempt, at) => {
                lines.push(format!("later {} {}", waits(attempt), micros(at)));
            }
            Place::Ended { state, attempt, at } => {
                lines.push(format!("ended {job} {state} {} {}", stored(attempt), micros(at)));
            }
            Place::Held(_) | Place::Done => {}
        }
        let errors = of.errors.iter();
        lines.extend(errors.map(|(attempt, at)| format!("error {job} {attempt} {}", micros(*at))));
    }
    for (lease, of) in &book.leases {
        let lease = id(*lease);
        lines.push(format!("lease {lease} {} {}", id(of.worker), of.jobs.len()));
        lines.extend(of.jobs.iter().map(|job| format!("held {lease} {}", id(*job))));
    }
    let records = book.records.iter();
    lines.extend(records.map(|(lease, job, state, at)| {
        format!("record {} {} {state} {}", id(*lease), job.map_or(String::new(), id), micros(*at))
    }));
    let workers = book.workers.iter();
    lines.extend(
        workers.map(|(worker, until)| format!("worker {} {}", id(*worker), micros(*until))),
    );
    lines.extend(book.keys.iter().map(|((of, key), (job, at))| {
        let of = id(of.map(saas_core::TenantId::uuid).unwrap_or_default());
        format!("key {key} {of} {} {}", id(*job), micros(*at))
    }));
    lines.extend(book.steps.iter().map(|job| format!("step {} step", id(*job))));
    lines.extend(book.effects.iter().map(|(job, note)| format!("effect {} {note}", id(*job))));
    lines.sort_unstable();
    lines
}

/// Lines that are not on both sides.
pub(super) fn differences(there: &[String], expected: &[String]) -> Vec<String> {
    let (left, right): (BTreeSet<_>, BTreeSet<_>) =
        (there.iter().collect(), expected.iter().collect());
    let only = |sign, these: BTreeSet<&&String>| {
        these.into_iter().map(move |line| format!("{sign} {line}")).collect::<Vec<_>>()
    };
    let mut lines = only("only in the database:", left.difference(&right).collect());
    lines.extend(only("only in the model:", right.difference(&left).collect()));
    if lines.is_empty() && there != expected {
        lines.push(format!("something is said twice: {there:#?}"));
    }
    lines
}

fn id(id: Uuid) -> String {
    id.simple().to_string()
}

fn micros(moment: DateTime<Utc>) -> i64 {
    moment.timestamp_micros()
}
