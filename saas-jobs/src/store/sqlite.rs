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
mod waiting;

use std::time::Duration;

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use sqlx::Sqlite;

use self::record::FENCE;
use self::waiting::{put_waiting, take_waiting};
use super::Store;

impl Store for Sqlite {
    // Differs: a transaction that reads before it writes must have the write lock from the start.
    const BEGIN: &'static str = "begin immediate";
    // Differs: without statistics its planner takes the index.
    const BEGIN_STEERED: &'static str = "begin immediate";
    // Differs: a file is never away. Who waits here waits for the write lock, as long as SQLite is told
    // to by `busy_timeout`.
    const PATIENCE: Duration = Duration::from_secs(60);
    const ANSWER: Duration = Duration::MAX;
    const ONE_STATEMENT: bool = false;
}

/// Whether a packed list of ids holds this one. It is nearly always where `instr` finds it first; only
/// ids that were not made by chance may be found across two others before.
macro_rules! holds {
    ($ids:literal, $id:literal) => {
        concat!(
            "(instr(",
            $ids,
            ", ",
            $id,
            ") % 16 = 1 or instr(",
            $ids,
            ", ",
            $id,
            ") > 0 and exists (
                with recursive place(at) as (
                    select 1 union all select at + 16 from place where at + 16 < length(",
            $ids,
            ")
                )
                select 1 from place where substr(",
            $ids,
            ", at, 16) = ",
            $id,
            "))"
        )
    };
}
use holds;

pub(super) fn named(how: Statements) -> bool {
    how == Statements::Named
}

pub(super) fn micros(moment: DateTime<Utc>) -> i64 {
    moment.timestamp_micros()
}

pub(super) fn moment(micros: i64) -> Result<DateTime<Utc>, sqlx::Error> {
    DateTime::from_timestamp_micros(micros)
        .ok_or_else(|| sqlx::Error::Decode("no such moment".into()))
}
