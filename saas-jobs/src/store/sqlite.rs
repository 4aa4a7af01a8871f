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
    const ONE_STATEMENT: bool = false;
}

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
