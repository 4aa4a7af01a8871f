mod claim;
mod enqueue;
mod epoch;
mod gauge;
mod inspect;
mod lead;
mod limit;
mod manage;
mod record;
mod retain;
#[cfg(feature = "cron")]
mod schedule;
mod step;
mod unique;

use std::time::Duration;

use saas_core::sql::Statements;
use sqlx::Postgres;

use super::Store;

impl Store for Postgres {
    // What a process that freezes has locked is free again before its lease could be missed.
    const BEGIN: &'static str = "begin; set local idle_in_transaction_session_timeout = '10s'";
    // A vacuum that finds the table empty makes the planner think so until the next analyze, a minute
    // later: it sorts the whole backlog for each claim.
    const BEGIN_STEERED: &'static str = "begin; set local enable_seqscan = off; \
        set local enable_bitmapscan = off; set local enable_sort = off";
    // Pools wait for half a minute, and pause for ever longer between two tries to connect: a worker
    // would stop late without its database, and sleep through its return.
    const PATIENCE: Duration = Duration::from_secs(2);
    // A connection to nowhere answers nothing, not even with an error, before TCP gives it up, a quarter
    // of an hour later.
    const ANSWER: Duration = Duration::from_secs(20);
    const ONE_STATEMENT: bool = true;
}

pub(super) fn named(how: Statements) -> bool {
    how == Statements::Named
}

/// The answer of a statement that calls `saas.jobs_fenced()` where a lease is lost, or breaks the
/// unique index of jobs that were completed already.
fn fenced(answer: Result<bool, sqlx::Error>) -> Result<bool, sqlx::Error> {
    match answer {
        Err(sqlx::Error::Database(error))
            if error.code().as_deref() == Some("SJ001")
                || error.constraint() == Some("jobs_done_once") =>
        {
            Ok(false)
        }
        answer => answer,
    }
}
