//! What a row holds, looked at before it is read: whether the database sees in it what the list says.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use saas_core::Kind;
use saas_core::schema::Dialect;
use saas_core::sql::Backend;
use sqlx::{Column, ColumnIndex, Row, TypeInfo, ValueRef};

use crate::{Error, Key};

/// A column that the walk is ordered or bounded by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compared {
    column: &'static str,
    nullable: bool,
    kind: Kind,
}

impl Compared {
    pub(crate) fn key<R>(key: &Key<R>) -> Self {
        Self { column: key.column, nullable: key.nullable, kind: key.kind }
    }

    /// The moment of a row's insertion.
    pub(crate) fn as_of(column: &'static str) -> Self {
        Self { column, nullable: false, kind: Kind::Timestamp }
    }

    /// The column's number in rows like this one.
    pub(crate) fn find<W: Row>(self, row: &W) -> Option<(Self, usize)> {
        let names = || row.columns().iter().map(Column::name);
        // Differs: to SQLite the case of a name is nothing.
        let index = names()
            .position(|name| name == self.column)
            .or_else(|| names().position(|name| name.eq_ignore_ascii_case(self.column)))?;
        Some((self, index))
    }

    /// Whether the value in this row is compared as the list says.
    ///
    /// A comparison passes over a NULL that is not reckoned with, and over a moment that is written
    /// in another form than what it is compared with: rows would be missing, and nobody would know.
    pub(crate) fn check<DB: Backend>(self, row: &DB::Row, index: usize) -> Result<(), Error> {
        let wrong = |mistake| Err(Error::KeyColumn { column: self.column, mistake });
        if !self.nullable && is_null(row, At::Start(index))? {
            return wrong("is NULL in a row: read it as an `Option`");
        }
        if DB::DIALECT == Dialect::Sqlite && !self.is_of_its_class(row, index)? {
            return wrong(
                "is stored as bytes where it is compared as something else, or not as bytes",
            );
        }
        if !matches!(self.kind, Kind::Timestamp | Kind::Date) {
            return Ok(());
        }
        match DB::stored_moment(row, index).map_err(Error::Database)? {
            Some(text) if !is_as_bound(self.kind, text) => wrong(
                "is stored in another form than `2026-01-31T12:00:00+00:00` and `2026-01-31`, in \
                 which it is compared: rewrite its rows, or bring it into that form in the base select",
            ),
            _ => Ok(()),
        }
    }

    /// To SQLite bytes are greater than everything else, whatever they say: a UUID is not compared
    /// with its own text.
    fn is_of_its_class<W: Row>(self, row: &W, index: usize) -> Result<bool, Error> {
        let value = row.try_get_raw(At::Start(index)).map_err(Error::Database)?;
        let is_stored_as_bytes = value.type_info().name() == "BLOB";
        let is_bound_as_bytes = matches!(self.kind, Kind::Uuid | Kind::Bytes);
        Ok(value.is_null() || is_stored_as_bytes == is_bound_as_bytes)
    }
}

/// Whether sqlx would write it so; to SQLite it is a text like others.
fn is_as_bound(kind: Kind, text: &str) -> bool {
    let written = match kind {
        Kind::Date => NaiveDate::parse_from_str(text, "%F").map(|date| date.to_string()),
        _ => DateTime::parse_from_rfc3339(text)
            .map(|moment| moment.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::AutoSi, false)),
    };
    written.is_ok_and(|written| written == text)
}

pub(crate) fn is_null<W: Row>(row: &W, column: At) -> Result<bool, Error> {
    Ok(row.try_get_raw(column).map_err(Error::Database)?.is_null())
}

/// A column by its number: sqlx's own index is known only where the database is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At {
    /// Counted from the first.
    Start(usize),
    /// Counted from the last.
    End(usize),
}

impl<W: Row> ColumnIndex<W> for At {
    fn index(&self, row: &W) -> Result<usize, sqlx::Error> {
        let len = row.len();
        let index = match *self {
            Self::Start(index) => Some(index).filter(|index| *index < len),
            Self::End(index) => len.checked_sub(1 + index),
        };
        let (Self::Start(asked) | Self::End(asked)) = *self;
        index.ok_or(sqlx::Error::ColumnIndexOutOfBounds { index: asked, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_that_sqlx_writes_is_taken() {
        let moments = [
            ("2026-01-01T00:00:00+00:00", true),
            ("2026-01-01T00:00:00.123456+00:00", true),
            ("2026-01-01T00:00:00.1+00:00", false),
            ("2026-01-01T00:00:00Z", false),
            ("2026-01-01T02:00:00+02:00", false),
            ("2026-01-01 00:00:00", false),
            ("1767225600", false),
            ("", false),
        ];
        for (text, is_taken) in moments {
            assert_eq!(is_as_bound(Kind::Timestamp, text), is_taken, "{text}");
        }
        for (text, is_taken) in [("2026-01-31", true), ("2026-1-31", false), ("20260131", false)] {
            assert_eq!(is_as_bound(Kind::Date, text), is_taken, "{text}");
        }
    }
}
