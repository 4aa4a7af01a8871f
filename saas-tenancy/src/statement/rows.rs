//! Rows being read as what they hold.

use saas_core::sql::Reads;
use sqlx::{Column, Row};

use crate::{Result, TenantBackend};

pub(crate) fn all<DB: TenantBackend + Reads<O>, O>(rows: &[DB::Row]) -> Result<Vec<O>> {
    rows.iter().map(one::<DB, O>).collect()
}

/// Every row goes through here: one that holds what its Rust type cannot is an error that names the
/// column, never a panic, and never another value.
pub(super) fn one<DB: TenantBackend + Reads<O>, O>(row: &DB::Row) -> Result<O> {
    DB::check_moments(row)?;
    Ok(DB::read(row).map_err(|error| named(row, error))?)
}

/// What is read as a tuple knows its columns by their places only.
fn named<R: Row>(row: &R, error: sqlx::Error) -> sqlx::Error {
    match error {
        sqlx::Error::ColumnDecode { index, source } => {
            let place = index.parse::<usize>().ok();
            let column = place.and_then(|place| row.columns().get(place));
            let index = column.map_or(index, |column| column.name().to_owned());
            sqlx::Error::ColumnDecode { index, source }
        }
        error => error,
    }
}
