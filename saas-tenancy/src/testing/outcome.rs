use super::KitError;
use crate::{Error, ErrorKind};

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing of the other tenant's was read, changed or revealed.
    Held,
    /// Something was; what.
    Leaked(String),
    /// It cannot be tried on this entity or database; why.
    NotApplicable(String),
}

impl Outcome {
    pub(super) fn leaked(what: impl Into<String>) -> Self {
        Self::Leaked(what.into())
    }

    pub(super) fn not_applicable(why: impl Into<String>) -> Self {
        Self::NotApplicable(why.into())
    }

    /// Held if no row was met.
    pub(super) fn of_rows(rows: u64, met: &str) -> Self {
        if rows == 0 { Self::Held } else { Self::Leaked(format!("{met} {rows} rows")) }
    }
}

/// What attempts come to.
pub(super) type Tries = Result<Outcome, KitError>;

/// An error that says nothing about rows: the attempt has to be made again, not judged.
pub(super) fn is_out_of_reach(error: &Error) -> bool {
    error.kind() == ErrorKind::Retry
}

/// A statement on a row of the other's must answer as if there were none; to be refused for its rights
/// is as good. Any other error was met on the row.
pub(super) fn of_foreign_row<T>(done: Result<T, Error>, did: &str) -> Tries {
    match done {
        Ok(_) => Ok(Outcome::leaked(did)),
        Err(Error::NotFound { .. } | Error::WallRefused(_) | Error::NotGranted(_)) => {
            Ok(Outcome::Held)
        }
        Err(error) if is_out_of_reach(&error) => Err(error.into()),
        Err(error) => Ok(Outcome::Leaked(format!("the row was reached: {}", said(&error)))),
    }
}

/// A statement that must meet no row.
pub(super) fn of_no_rows(done: Result<u64, Error>, met: &str) -> Tries {
    match done {
        Ok(rows) => Ok(Outcome::of_rows(rows, met)),
        Err(Error::WallRefused(_) | Error::NotGranted(_)) => Ok(Outcome::Held),
        Err(error) if is_out_of_reach(&error) => Err(error.into()),
        Err(error) => Ok(Outcome::Leaked(format!("rows were reached: {}", said(&error)))),
    }
}

/// A statement that must be refused, for whatever reason.
pub(super) fn of_refused<T>(done: Result<T, Error>, did: &str) -> Tries {
    match done {
        Ok(_) => Ok(Outcome::leaked(did)),
        Err(error) if is_out_of_reach(&error) => Err(error.into()),
        Err(_) => Ok(Outcome::Held),
    }
}

/// An error with its source, on one line.
pub(super) fn said(error: &Error) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}
