//! Plain sqlx on either database.

use chrono::{DateTime, NaiveDate, Utc};
use saas_core::sql::{Backend, Reads};
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, FromRow, Postgres, SqlStr, Sqlite};
use uuid::Uuid;

use super::Entry;
use crate::Result;

/// What a statement by hand binds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Uuid(Uuid),
    Time(DateTime<Utc>),
    Date(Option<NaiveDate>),
    Number(i64),
}

/// A page's row as the statement by hand that also looks behind the page returns it.
#[derive(Debug, FromRow)]
pub(super) struct Probed {
    #[sqlx(flatten)]
    pub(super) entry: Entry,
    pub(super) has_prev: bool,
}

/// A database that runs statements by hand.
pub(super) trait Engine: Backend + Reads<Entry> {
    async fn entries(
        conn: &mut Self::Connection,
        sql: &SqlStr,
        values: &[Value],
    ) -> Result<Vec<Entry>>;

    async fn probed(
        conn: &mut Self::Connection,
        sql: &SqlStr,
        values: &[Value],
    ) -> Result<Vec<Probed>>;
}

/// Word for word the same: sqlx's traits cannot be named generically without a page of bounds.
macro_rules! engine {
    ($database:ty, $arguments:ty) => {
        impl Engine for $database {
            async fn entries(
                conn: &mut Self::Connection,
                sql: &SqlStr,
                values: &[Value],
            ) -> Result<Vec<Entry>> {
                let arguments = arguments!($arguments, values);
                Ok(sqlx::query_as_with(sql.clone(), arguments).fetch_all(conn).await?)
            }

            async fn probed(
                conn: &mut Self::Connection,
                sql: &SqlStr,
                values: &[Value],
            ) -> Result<Vec<Probed>> {
                let arguments = arguments!($arguments, values);
                Ok(sqlx::query_as_with(sql.clone(), arguments).fetch_all(conn).await?)
            }
        }
    };
}

macro_rules! arguments {
    ($arguments:ty, $values:ident) => {{
        let mut arguments = <$arguments>::default();
        for value in $values {
            match *value {
                Value::Uuid(value) => arguments.add(value),
                Value::Time(value) => arguments.add(value),
                Value::Date(value) => arguments.add(value),
                Value::Number(value) => arguments.add(value),
            }?;
        }
        arguments
    }};
}

engine!(Postgres, PgArguments);
engine!(Sqlite, SqliteArguments);
