use saas_core::Problem;

use crate::CursorError;

/// What can go wrong between a query string and a page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter of the query string is wrong: the client's mistake, answered with 400.
    #[error("parameter `{name}` is invalid")]
    Parameter {
        /// The parameter as the client wrote it, cut to 64 characters.
        name: String,
        /// What is wrong with it.
        #[source]
        reason: Invalid,
    },
    /// A query string longer than any that a list needs.
    #[error("the query string has more than {max} bytes")]
    QueryTooLong {
        /// How many bytes are taken.
        max: usize,
    },
    /// The list contradicts itself. Every request to it fails so; see [`List::check`](crate::List::check).
    #[error("the list `{list}` is declared wrongly: {mistake}")]
    Declaration {
        /// The list's name.
        list: &'static str,
        /// What to mend.
        mistake: String,
    },
    /// A cursor secret of fewer than 32 bytes.
    #[error("a cursor secret has at least 32 bytes")]
    WeakSecret,
    /// Sort keys do not fit into a cursor of 1 KiB where one is needed: those of every row of a page
    /// that another follows, or of any row of a connection. Sort by a shorter column.
    #[error("the sort keys of a row do not fit into a cursor")]
    KeyTooLong,
    /// A column of the sort, or of [`List::as_of`](crate::List::as_of), holds what the database
    /// compares otherwise than the list says. Rows would be missing from its pages, or come again.
    #[error("the column `{column}` {mistake}")]
    KeyColumn {
        /// The column.
        column: &'static str,
        /// What is wrong with it, and what to do.
        mistake: &'static str,
    },
    /// The list sorts or filters by a column that the base select does not return.
    #[error("the base select has no column `{column}`, which the list sorts or filters by")]
    MissingColumn {
        /// The column.
        column: String,
        /// What the database says.
        #[source]
        source: sqlx::Error,
    },
    /// The database failed, or a row could not be read.
    #[error("the page could not be read")]
    Database(#[source] sqlx::Error),
}

/// What is wrong with a parameter, in words for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// No parameter of this list.
    #[error("unknown parameter")]
    Unknown,
    /// Given more than once.
    #[error("given more than once")]
    Repeated,
    /// A filter given more than once that takes several values at a time.
    #[error("given more than once; several values go into one: {instead}")]
    RepeatedFilter {
        /// How.
        instead: String,
    },
    /// `after` beside `before`.
    #[error("`after` and `before` exclude each other")]
    AfterAndBefore,
    /// Not what the parameter takes.
    #[error("must be {expected}")]
    Value {
        /// What it takes.
        expected: String,
    },
    /// The filter does not take this operator.
    #[error("this filter takes {allowed}")]
    Operator {
        /// What it takes, in words.
        allowed: String,
    },
    /// Too many values for `in`.
    #[error("at most {max} values are taken")]
    TooMany {
        /// How many are taken.
        max: usize,
    },
    /// A value that is too long.
    #[error("at most {max} bytes are taken")]
    TooLong {
        /// How many bytes are taken.
        max: usize,
    },
    /// A NUL, or bytes that are no UTF-8.
    #[error("must be text without NUL, in UTF-8")]
    Text,
    /// Whatever is wrong with the cursor, the client learns no more than this.
    #[error("not a valid cursor of this list; start again from the first page")]
    Cursor(#[source] CursorError),
}

/// What the caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client's input is wrong: tell it which field.
    InvalidInput,
    /// The program is wrong: no request will do better.
    Misuse,
    /// The database cannot be reached, is stopping, is out of resources or has cancelled the
    /// statement; or somebody else was in the way. Try again later.
    Unavailable,
    /// The database refused the statement, or its rows are not what the program expects.
    Database,
}

impl Error {
    pub(crate) fn parameter(name: &str, reason: Invalid) -> Self {
        // What a stranger sent is cut before it goes into a message.
        Self::Parameter { name: name.chars().take(64).collect(), reason }
    }

    /// What came of a statement. Columns of the base select are asked for as `base.column`, on which
    /// the databases' messages agree.
    pub(crate) fn of_statement(source: sqlx::Error) -> Self {
        let column = source.as_database_error().and_then(|error| {
            let message = error.message();
            let is_missing = error.code().is_some_and(|code| code == "42703")
                || message.starts_with("no such column");
            let column = message.split_once("base.").filter(|_| is_missing)?.1;
            Some(column.split_whitespace().next()?.trim_matches('"').to_owned())
        });
        match column {
            Some(column) => Self::MissingColumn { column, source },
            None => Self::Database(source),
        }
    }

    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Parameter { .. } | Self::QueryTooLong { .. } => ErrorKind::InvalidInput,
            Self::Declaration { .. }
            | Self::MissingColumn { .. }
            | Self::WeakSecret
            | Self::KeyColumn { .. }
            | Self::KeyTooLong => ErrorKind::Misuse,
            Self::Database(source) if is_passing(source) => ErrorKind::Unavailable,
            Self::Database(_) => ErrorKind::Database,
        }
    }

    /// The HTTP status that says so.
    pub(crate) fn status(&self) -> u16 {
        match self.kind() {
            ErrorKind::InvalidInput => 400,
            ErrorKind::Unavailable => 503,
            ErrorKind::Misuse | ErrorKind::Database => 500,
        }
    }

    /// The parameter at fault, if the client is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Parameter { name, .. } => Some(name),
            _ => None,
        }
    }
}

/// Whether the same statement may go through at another time.
fn is_passing(error: &sqlx::Error) -> bool {
    use sqlx::Error as Sqlx;
    match error {
        Sqlx::Io(_) | Sqlx::Tls(_) | Sqlx::PoolTimedOut | Sqlx::PoolClosed => true,
        Sqlx::WorkerCrashed | Sqlx::BeginFailed => true,
        Sqlx::Database(error) => error.code().is_some_and(|code| match &*code {
            // PostgreSQL: serialization failure, deadlock, lock not available; SQLite: busy and
            // locked, with their extended codes.
            "40001" | "40P01" | "55P03" | "5" | "6" | "261" | "517" | "262" => true,
            // Connection exceptions, operator intervention, out of resources.
            code => {
                code.len() == 5 && ["08", "57", "53"].iter().any(|class| code.starts_with(class))
            }
        }),
        _ => false,
    }
}

/// Wrong input is 400 and names the field, an unreachable database 503, the rest 500. What the
/// client must not read goes to the log here, since the document cannot carry it.
impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let problem = Problem::new(error.status());
        match error {
            Error::Parameter { name, reason } => problem
                .detail("the query string is invalid")
                .field(name.as_str(), reason.to_string()),
            Error::QueryTooLong { .. } => problem.detail(error.to_string()),
            _ => {
                let source = std::error::Error::source(error).map(tracing::field::display);
                tracing::error!(%error, source, "no page");
                problem
            }
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_input_becomes_a_400_that_names_the_field_and_keeps_the_reason_to_itself() {
        let reason = Invalid::Cursor(CursorError::Forged);
        let problem = Problem::from(Error::parameter("after", reason));
        assert_eq!(problem.status(), 400);
        assert_eq!(problem.errors()[0].field, "after");
        assert!(!problem.to_json().contains("forged"));
    }

    #[test]
    fn a_closed_pool_is_503_and_a_broken_row_500() {
        let status = |error| Problem::from(Error::Database(error)).status();
        assert_eq!(status(sqlx::Error::PoolClosed), 503);
        assert_eq!(status(sqlx::Error::RowNotFound), 500);
    }
}
